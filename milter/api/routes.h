/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/routes.h - the one table of what the API answers: method and
 * path, who may, where, and by which handler.
 */
#ifndef MORTSAFE_MILTER_API_ROUTES_H
#define MORTSAFE_MILTER_API_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "milter/api/call.h"

/* What an answer is, and so what a problem is told as. */
enum api_form { API_JSON, API_TEXT, API_HTML };

struct api_route {
    enum api_method method;
    const char *path; /* in which a star is any one segment */
    enum api_right right;
    bool tcp; /* is there on the status port, too */
    enum api_form form;
    void (*handle)(struct api_call *call);
};

/* The routes; *N is how many. */
const struct api_route *api_routes(size_t *n);

/* The route of CALL's method and path, or NULL. */
const struct api_route *api_route_of(const struct api_call *call);

/*
 * The methods that CALL's path has, "GET, HEAD, POST", as the header Allow
 * wants them; of the status port only those.  "": no such path.  Returns OUT.
 */
enum { API_ALLOW = 40 };
char *api_route_allow(const struct api_call *call, char out[API_ALLOW]);

#endif
