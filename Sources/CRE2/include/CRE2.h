/* A C door to RE2 (https://github.com/google/re2): many patterns, searched for at once, in time that is linear in the
   text whatever the patterns are. A set is not thread safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_set cre2_set;

/* NULL when memory is out. The caller frees the set with cre2_set_destroy.
   max_memory: bytes that the search may use for its tables; beyond it the search goes on, slower. */
cre2_set *cre2_set_create(int64_t max_memory);
void cre2_set_destroy(cre2_set *set);

/* Adds a pattern in RE2's syntax (UTF-8). Its index, counted from 0, or -1: then RE2's reason is in `error`, ended with
   NUL, cut to error_size. */
int cre2_set_add(cre2_set *set, const char *pattern, size_t length, char *error, size_t error_size);

/* To be called once, after the last pattern and before the first search. 0 when RE2 finds the set too large. */
int cre2_set_compile(cre2_set *set);

/* The lowest index of a pattern that occurs somewhere in the text (UTF-8); -1 when none does. */
int cre2_set_find(cre2_set *set, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
