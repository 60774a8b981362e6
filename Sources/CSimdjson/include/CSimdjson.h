/* A C door to simdjson's DOM parser (https://github.com/simdjson/simdjson, 3.0.1), which picks the best code for the
   processor at run time. One parser holds one document: its tape and strings stay valid until the next parse or the
   parser's end. Not thread safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What csimdjson_parse found. The kinds that a caller can act on; csimdjson_message says it in simdjson's words. */
typedef enum {
    CSIMDJSON_OK = 0,
    CSIMDJSON_EMPTY,
    CSIMDJSON_TOO_LARGE,
    CSIMDJSON_TOO_DEEP,
    CSIMDJSON_NOT_UTF8,
    CSIMDJSON_STRING,
    CSIMDJSON_NUMBER,
    CSIMDJSON_SYNTAX,
    CSIMDJSON_NO_MEMORY
} csimdjson_result;

typedef struct csimdjson_parser csimdjson_parser;

/* NULL when memory is out. The caller frees the parser with csimdjson_destroy.
   max_bytes: the largest document; max_depth: the deepest nesting of arrays and objects. */
csimdjson_parser *csimdjson_create(size_t max_bytes, size_t max_depth);
void csimdjson_destroy(csimdjson_parser *parser);

/* Parses one document. The bytes are copied first (simdjson reads past the end of what it parses), so they need no
   padding and may go at once. Memory grows to what the largest document needed and stays. */
csimdjson_result csimdjson_parse(csimdjson_parser *parser, const void *bytes, size_t length);

/* The same for an object whose opening brace stands elsewhere: `bytes` begin with its first member or closing brace. */
csimdjson_result csimdjson_parse_members(csimdjson_parser *parser, const void *bytes, size_t length);

/* simdjson's own words for the last result. Static storage, never NULL. */
const char *csimdjson_message(const csimdjson_parser *parser);

/* The parsed document, after CSIMDJSON_OK. Format: simdjson's doc/tape.md. */
const uint64_t *csimdjson_tape(const csimdjson_parser *parser);
const uint8_t *csimdjson_strings(const csimdjson_parser *parser);

#ifdef __cplusplus
}
#endif
