/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <strings.h>

#include "util.h"
#include "xml.h"

#define ATTRIBUTES_MAX 256  /* of one tag */
#define NAMESPACES_MAX 1000 /* declared in one file */

#if LIBXML_VERSION >= 21200
typedef const xmlError XmlErrorArgument;
#else
typedef xmlError XmlErrorArgument;
#endif

typedef struct Parse {
        const char *text;
        size_t size;
        Place place;
        char *reason; /* of the first error; the ones after it are its consequences */
} Parse;

static Place place_of_offset(const char *text, size_t size, size_t offset) {
        Place p = {1, 1};

        for (size_t i = 0; i < MIN_OF(offset, size); i++) {
                if (text[i] == '\n') {
                        p.line++;
                        p.column = 1;
                } else
                        p.column++;
        }
        return p;
}

/* Where the markup begins that the parser is in. An attribute's value cannot hold a bare `<`, so the nearest one before is
 * the markup's own. */
static size_t offset_of_markup(xmlParserCtxt *context, const Parse *p) {
        long n = xmlByteConsumed(context);
        size_t offset = n > 0 ? MIN_OF((size_t) n, p->size - 1) : 0;

        while (offset > 0 && p->text[offset] != '<')
                offset--;
        return offset;
}

static void refuse(Parse *p, Place place, const char *reason) {
        if (p->reason)
                return;

        p->place = place;
        p->reason = strdup(reason);
        if (p->reason)
                p->reason[strcspn(p->reason, "\n")] = 0;
}

static void on_error(void *userdata, XmlErrorArgument *error) {
        xmlParserCtxt *context = userdata;
        Place place = {error->line > 0 ? (unsigned) error->line : 1, error->int2 > 0 ? (unsigned) error->int2 : 1};

        if (error->level >= XML_ERR_ERROR)
                refuse(context->_private, place, error->message ?: "not well-formed");
}

static void on_doctype(void *userdata, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id) {
        xmlParserCtxt *context = userdata;
        Parse *p = context->_private;

        refuse(p, place_of_offset(p->text, p->size, offset_of_markup(context, p)),
               "a document type declaration (<!DOCTYPE>) is refused: domain XML needs none; remove it");
        xmlStopParser(context);
}

/* libxml2 calls this at the `>` of a start tag. The tag's place goes into the node's field for applications: its offset,
 * doubled; or, if the text is not the parser's own encoding, so that finding an offset means to encode all the rest, the
 * line alone, doubled plus one. */
static void on_element(void *userdata, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                       const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes) {
        xmlParserCtxt *context = userdata;
        uintptr_t place;

        xmlSAX2StartElementNs(context, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
        if (!context->node)
                return;
        if (context->input->buf && context->input->buf->encoder)
                place = (uintptr_t) MIN_OF(context->input->line, INT32_MAX / 2) << 1 | 1;
        else
                place = (uintptr_t) offset_of_markup(context, context->_private) << 1;
        context->node->_private = (void *) place;
}

Place xml_place(const char *text, size_t size, const xmlNode *element) {
        uintptr_t place = (uintptr_t) element->_private;

        if (place & 1)
                return (Place) {(unsigned) (place >> 1), 1};
        return place_of_offset(text, size, place >> 1);
}

/* The size of what begins at a `<` and is no start tag, so that nothing in it counts: a comment, CDATA, an instruction, a
 * declaration, an end tag. 0 for a start tag. */
static size_t other_markup_size(const char *p, size_t size) {
        static const struct {
                const char *begin, *end;
        } kinds[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}, {"</", ">"}};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                size_t n = strlen(kinds[i].begin);
                const char *end;

                if (size < n || strncmp(p, kinds[i].begin, n) != 0)
                        continue;
                end = memmem(p + n, size - n, kinds[i].end, strlen(kinds[i].end));
                return end ? (size_t) (end - p) : size;
        }
        return 0;
}

/* libxml2 compares each attribute of a tag with each other (2.9.14: 24 s for the 120 000 that fit into 1 MiB). */
static bool has_endless_tag(const char *text, size_t size, size_t *ret_offset) {
        bool in_tag = false;
        unsigned n = 0;
        char quote = 0;

        for (size_t i = 0; i < size; i++) {
                char c = text[i];

                if (!in_tag && c == '<') {
                        size_t skip = other_markup_size(text + i, size - i);

                        in_tag = skip == 0;
                        n = 0;
                        *ret_offset = i;
                        i += skip;
                } else if (quote)
                        quote = c == quote ? 0 : quote;
                else if (in_tag && (c == '"' || c == '\''))
                        quote = c;
                else if (in_tag && c == '>')
                        in_tag = false;
                else if (in_tag && c == '=' && ++n > ATTRIBUTES_MAX)
                        return true;
        }
        return false;
}

/* libxml2 looks a prefix up in all declarations around it: 40 000 elements within 50 000 declarations take it 14 s. */
static bool has_endless_namespaces(const char *text, size_t size) {
        static const char word[] = "xmlns";
        const char *end = text + size;
        size_t at = 0;
        unsigned n = 0;

        if (!memchr(text, 0, size)) { /* as almost always */
                for (const char *p = text; (p = memmem(p, (size_t) (end - p), word, strlen(word))); p += strlen(word))
                        if (++n > NAMESPACES_MAX)
                                return true;
                return false;
        }
        for (size_t i = 0; i < size; i++) {
                if (!text[i])
                        continue; /* every other byte, in UTF-16 */
                at = text[i] == word[at] ? at + 1 : text[i] == word[0];
                if (!word[at]) {
                        at = 0;
                        if (++n > NAMESPACES_MAX)
                                return true;
                }
        }
        return false;
}

/* The two above look for the characters of ASCII, so text must be in an encoding that has them: not EBCDIC, not UTF-7. */
static bool has_known_encoding(const char *text, size_t size) {
        static const char *const known[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "latin1", "windows-125", "koi8-", "utf-16"};
        char head[128] = "";
        const char *name;
        size_t n = 0;

        if (size >= 2 && (!text[0] || !text[1] || (unsigned char) text[0] >= 0xfe))
                return true; /* UTF-16, by its zeros or its byte order mark */
        if (size >= 4 && memcmp(text, "\x4c\x6f\xa7\x94", 4) == 0)
                return false; /* "<?xm" in EBCDIC, which libxml2 finds out by itself */
        while (n < MIN_OF(size, sizeof(head) - 1) && text[n] && text[n] != '>') {
                head[n] = text[n];
                n++;
        }
        name = strcasestr(head, "encoding");
        if (!name || !strstr(head, "<?xml"))
                return true;
        name += strcspn(name, "'\"");
        name += *name != 0;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strncasecmp(name, known[i], strlen(known[i])) == 0)
                        return true;
        return false;
}

/* What libxml2 would take too long over, or takes for another text than we do. NULL: nothing. */
static const char *refusal(const char *text, size_t size, size_t *ret_offset) {
        *ret_offset = 0;
        if (size == 0)
                return "the file is empty";
        if (size > INT32_MAX)
                return "the file is too large";
        if (!has_known_encoding(text, size))
                return "the file is in an encoding that is not known here; write it in UTF-8";
        if (has_endless_namespaces(text, size))
                return "the file declares too many namespaces";
        if (has_endless_tag(text, size, ret_offset))
                return "a tag has too many attributes";
        return NULL;
}

int xml_parse(const char *text, size_t size, xmlDoc **ret, Place *ret_place, char **ret_reason) {
        Parse p = {.text = text, .size = size, .place = {1, 1}};
        xmlParserCtxt *context;
        const char *reason;
        size_t offset;
        xmlDoc *doc;
        int r = 0;

        reason = refusal(text, size, &offset);
        if (reason) {
                *ret_place = place_of_offset(text, size, offset);
                *ret_reason = strdup(reason);
                return *ret_reason ? -EBADMSG : -ENOMEM;
        }

        context = xmlNewParserCtxt();
        if (!context)
                return -ENOMEM;

        context->_private = &p;
        context->sax->startElementNs = on_element;
        context->sax->internalSubset = on_doctype;
        context->sax->serror = on_error;

        doc = xmlCtxtReadMemory(context, text, (int) size, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
        if (!doc || p.reason) {
                if (!p.reason)
                        p.reason = strdup("not well-formed XML");
                r = p.reason ? -EBADMSG : -ENOMEM;
                xmlFreeDoc(doc);
        }
        xmlFreeParserCtxt(context);
        if (r < 0) {
                *ret_place = p.place;
                *ret_reason = p.reason;
                return r;
        }

        *ret = doc;
        return 0;
}
