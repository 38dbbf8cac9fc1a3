/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/contact.c - whom to write to. */
#include <config.h>

#include "policy/contact.h"

#include <string.h>

bool
contact_is_address(const char *text)
{
    struct address address;
    const char *p;

    for (p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || strchr("<>\"\\(),:;[]", *p) != NULL)
            return false;
    address_parse(text, &address);
    return address.form == ADDRESS_DOMAIN;
}

/* Letters and digits, MOST at most, up to a hyphen or the end; how many. */
static size_t
subtag(const char *text, size_t least, size_t most)
{
    const size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

    if (len < least || len > most || (text[len] != '-' && text[len] != '\0'))
        return 0;
    return len;
}

bool
contact_language(const char *text, char out[CONTACT_LANGUAGE])
{
    const size_t whole = strlen(text);
    size_t at = 0, len = subtag(text, 2, 3);
    size_t i;

    if (whole >= CONTACT_LANGUAGE || strcspn(text, "0123456789") < len)
        return false;
    while (len > 0 && text[at + len] == '-') {
        at += len + 1;
        len = subtag(text + at, 1, 8);
    }
    if (len == 0)
        return false;
    for (i = 0; i <= whole; i++)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a'
                                                         : text[i]);
    return true;
}

enum ms_err
contact_parse(const char *text, struct contact *out, struct why *why)
{
    static const char blank[] = " \t\r\n";
    const size_t len = strcspn(text, blank);
    const char *behind = text + len + strspn(text + len, blank);
    struct contact contact = {.language = ""};

    if (len >= sizeof contact.address)
        return why_set(why, MS_INVALID, "an address is too long");
    memcpy(contact.address, text, len);
    if (!contact_is_address(contact.address))
        return why_set(why, MS_INVALID, "`%s` is no address", contact.address);
    if (strpbrk(behind, blank) != NULL)
        return why_set(why, MS_INVALID, "more than an address and a language");
    if (*behind != '\0' && !contact_language(behind, contact.language))
        return why_set(why, MS_INVALID, "`%.80s` is no language such as de",
                       behind);
    *out = contact;
    return MS_OK;
}

/* LEN bytes at TEXT without the blanks around them, if they can be a name. */
static bool
read_name(const char *text, size_t len, char out[CONTACT_NAME])
{
    size_t i;

    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len >= CONTACT_NAME)
        return false;
    for (i = 0; i < len; i++)
        if ((text[i] >= 0 && text[i] < ' ') || text[i] == 0x7f ||
            strchr("<>\"\\", text[i]) != NULL)
            return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

bool
contact_mailbox(const char *text, char name[CONTACT_NAME],
                char address[ADDRESS_TEXT])
{
    const char *open = strrchr(text, '<');
    const char *from = open == NULL ? text : open + 1;
    size_t len = strlen(from);

    if (open != NULL && (len == 0 || from[--len] != '>'))
        return false;
    if (len >= ADDRESS_TEXT)
        return false;
    memcpy(address, from, len);
    address[len] = '\0';
    return contact_is_address(address) &&
           read_name(text, open == NULL ? 0 : (size_t)(open - text), name);
}
