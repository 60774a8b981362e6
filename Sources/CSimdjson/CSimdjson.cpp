#include "CSimdjson.h"

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <cstdlib>
#include <cstring>
#include <new>

using namespace simdjson;

struct csimdjson_parser {
    dom::parser parser;
    size_t max_bytes;
    size_t max_depth;
    // The padded copy that is parsed. Grows by doubling, so a rising series of sizes does not allocate at each step.
    uint8_t *buffer = nullptr;
    size_t capacity = 0;
    error_code last = SUCCESS;

    csimdjson_parser(size_t bytes, size_t depth) : parser(bytes), max_bytes(bytes), max_depth(depth) {}
    ~csimdjson_parser() { std::free(buffer); }

    error_code reserve(size_t length) {
        if (length <= capacity && capacity != 0) return SUCCESS;
        size_t wanted = 4096;
        while (wanted < length) wanted *= 2;
        if (wanted > max_bytes) wanted = max_bytes;
        std::free(buffer);
        capacity = 0;
        buffer = static_cast<uint8_t *>(std::calloc(1, wanted + SIMDJSON_PADDING));
        if (!buffer) return MEMALLOC;
        // simdjson counts the scalars' level too: with N + 1 it takes N nested arrays and objects.
        error_code error = parser.allocate(wanted, max_depth + 1);
        if (!error) capacity = wanted;
        return error;
    }
};

csimdjson_parser *csimdjson_create(size_t max_bytes, size_t max_depth) {
    return new (std::nothrow) csimdjson_parser(max_bytes, max_depth);
}

void csimdjson_destroy(csimdjson_parser *parser) { delete parser; }

static csimdjson_result parse_copy(csimdjson_parser *parser, const void *bytes, size_t given, size_t brace) {
    size_t length = given + brace;
    if (length > parser->max_bytes) {
        parser->last = CAPACITY;
        return CSIMDJSON_TOO_LARGE;
    }
    parser->last = length == 0 ? EMPTY : parser->reserve(length);
    if (parser->last == SUCCESS) {
        if (brace) parser->buffer[0] = '{';
        if (given) std::memcpy(parser->buffer + brace, bytes, given);
        std::memset(parser->buffer + length, ' ', SIMDJSON_PADDING);
        parser->last = parser->parser.parse(parser->buffer, length, false).error();
    }
    switch (parser->last) {
    case SUCCESS: return CSIMDJSON_OK;
    case EMPTY: return CSIMDJSON_EMPTY;
    case CAPACITY: return CSIMDJSON_TOO_LARGE;
    case DEPTH_ERROR: return CSIMDJSON_TOO_DEEP;
    case UTF8_ERROR: return CSIMDJSON_NOT_UTF8;
    case STRING_ERROR:
    case UNESCAPED_CHARS:
    case UNCLOSED_STRING: return CSIMDJSON_STRING;
    case NUMBER_ERROR:
    case NUMBER_OUT_OF_RANGE: return CSIMDJSON_NUMBER;
    case MEMALLOC: return CSIMDJSON_NO_MEMORY;
    default: return CSIMDJSON_SYNTAX;
    }
}

csimdjson_result csimdjson_parse(csimdjson_parser *parser, const void *bytes, size_t length) {
    return parse_copy(parser, bytes, length, 0);
}

csimdjson_result csimdjson_parse_members(csimdjson_parser *parser, const void *bytes, size_t length) {
    return parse_copy(parser, bytes, length, 1);
}

const char *csimdjson_message(const csimdjson_parser *parser) { return error_message(parser->last); }

const uint64_t *csimdjson_tape(const csimdjson_parser *parser) { return parser->parser.doc.tape.get(); }

const uint8_t *csimdjson_strings(const csimdjson_parser *parser) { return parser->parser.doc.string_buf.get(); }
