/* A C door to RE2 (https://github.com/google/re2), whose searches take time linear in the text whatever the pattern is.
   Patterns and texts are UTF-8. max_memory bounds what a pattern and the tables of its search may take, in bytes: a
   larger pattern is refused, larger tables are thrown away and built anew. Not thread safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One pattern. */
typedef struct cre2_regex cre2_regex;

/* The caller frees it with cre2_regex_destroy. NULL when RE2 does not take the pattern: then its reason is in `error`,
   ended with NUL, cut to error_size. */
cre2_regex *cre2_regex_create(
    const char *pattern, size_t length, int64_t max_memory, char *error, size_t error_size);
void cre2_regex_destroy(cre2_regex *regex);

/* 1 when the pattern occurs in the text, then *start and *end bound what its first group that took part has matched
   (of the first four; the whole match when there is none); else 0. */
int cre2_regex_find(const cre2_regex *regex, const char *text, size_t length, size_t *start, size_t *end);

/* Many patterns that are searched for at once. */
typedef struct cre2_set cre2_set;

/* NULL when memory is out. The caller frees the set with cre2_set_destroy. */
cre2_set *cre2_set_create(int64_t max_memory);
void cre2_set_destroy(cre2_set *set);

/* Adds a pattern. Its index, counted from 0, or -1: then RE2's reason is in `error`, as above. */
int cre2_set_add(cre2_set *set, const char *pattern, size_t length, char *error, size_t error_size);

/* To be called once, after the last pattern and before the first search. 0 when the set is too large. */
int cre2_set_compile(cre2_set *set);

/* The lowest index of a pattern that occurs in the text; -1 when none does. */
int cre2_set_find(cre2_set *set, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
