# SPDX-License-Identifier: BSD-2-Clause
"""Answers of the API against the schemas in test/schema."""
import functools
import json
import os

import jsonschema

import place

FOLDER = os.path.join(place.HERE, '..', 'schema')


@functools.lru_cache(None)
def read(name):
    with open(os.path.join(FOLDER, name + '.json')) as schema:
        return json.load(schema)


@functools.lru_cache(None)
def validator(name):
    shapes = read('shapes')
    resolver = jsonschema.RefResolver('', read(name), store={'shapes.json': shapes})
    return jsonschema.Draft7Validator(read(name), resolver=resolver)


def names():
    return sorted(f[:-5] for f in os.listdir(FOLDER) if f.endswith('.json'))


def errors(name, answer):
    """What is wrong with ANSWER, a line each; [] if it is as NAME.json says."""
    return ['%s: %s' % ('/'.join(str(p) for p in e.absolute_path) or '.', e.message[:300])
            for e in validator(name).iter_errors(answer)]
