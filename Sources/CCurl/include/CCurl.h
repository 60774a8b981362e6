/* A C door to libcurl's multi-socket interface (https://curl.se/libcurl/c/libcurl-multi.html), for a loop of one's own.

   libcurl is not linked: it is loaded at first use, so that a process that never sends a request pays nothing for it
   (linked, it costs every process 1.15 MB of memory and 7 ms at its start). The door also has what Swift cannot call:
   curl's setters are variadic.

   Requests are POSTs and GETs over HTTP/1.1 or TLS with HTTP/1.1. Redirects are not followed; certificates are verified; proxies
   are taken from the environment as curl does. All functions but ccurl_load belong to one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads libcurl.so.4. 1 when it is there, now or since an earlier call; else 0, and the reason with what to do about it
   is in `error`, ended with NUL, cut to error_size. May be called from any thread. */
int ccurl_load(char *error, size_t error_size);

/* A set of requests that share their connections. */
typedef struct ccurl_multi ccurl_multi;
/* One request and what came of it. */
typedef struct ccurl_request ccurl_request;

/* What a descriptor is to be watched for, and what it is ready for. */
enum { CCURL_NONE = 0, CCURL_READ = 1, CCURL_WRITE = 2 };

/* Asks to watch a descriptor for exactly this from now on; CCURL_NONE: it is about to be closed. */
typedef void (*ccurl_watch)(void *context, int descriptor, int readiness);
/* Asks for ccurl_multi_timeout after that many milliseconds, in place of what was asked for before; -1: not at all. */
typedef void (*ccurl_schedule)(void *context, long milliseconds);

/* ccurl_load must have answered 1. The two functions are called only from within other functions of this file, and may
   not call any of them. `connections` are kept open for later requests at most. NULL when memory is out. The caller
   frees it with ccurl_multi_destroy, after the requests that run in it. */
ccurl_multi *ccurl_multi_create(long connections, void *context, ccurl_watch watch, ccurl_schedule schedule);
void ccurl_multi_destroy(ccurl_multi *multi);

/* The descriptor is ready, or the time that was asked for is over: works on the requests. */
void ccurl_multi_ready(ccurl_multi *multi, int descriptor, int readiness);
void ccurl_multi_timeout(ccurl_multi *multi);

/* The next request that has ended, taken out of the set; NULL when there is none. To be asked until NULL after each of
   the two functions above. */
ccurl_request *ccurl_multi_next_finished(ccurl_multi *multi);

/* A POST. `ca_file`: PEM certificates to trust in place of the system's; NULL: the system's. `timeout` in milliseconds
   bounds the request from its start to the last byte of its answer. `tag` is the caller's. The strings and the body are
   copied. NULL when memory is out. The caller frees it with ccurl_request_destroy, which also cancels it. */
ccurl_request *ccurl_request_create(
    const char *url, const char *ca_file, long timeout, const void *body, size_t length, uint64_t tag);
/* A GET, whose answer's body is kept whole. */
ccurl_request *ccurl_request_create_get(const char *url, const char *ca_file, long timeout, uint64_t tag);
void ccurl_request_destroy(ccurl_request *request);

/* Adds a header field, as `Name: value`. 0 when memory is out. */
int ccurl_request_add_header(ccurl_request *request, const char *line);

/* Starts a request. 0 when that is impossible. */
int ccurl_request_start(ccurl_request *request, ccurl_multi *multi);

uint64_t ccurl_request_tag(const ccurl_request *request);

/* How a request ended. */
typedef enum {
    CCURL_ANSWERED,  /* a whole answer came: `status` says which */
    CCURL_TIMED_OUT, /* no whole answer within the request's time */
    CCURL_TOO_LARGE, /* the answer was beyond 64 KiB (of a GET: its body was) and was cut off */
    CCURL_FAILED     /* no answer that makes sense: `error` says why */
} ccurl_end;

typedef struct {
    ccurl_end end;
    /* The status code; 0 when none came. */
    long status;
    /* Retry-After in seconds, whether it was given so or as a date; 0 when none was given. */
    int64_t retry_after;
    /* curl's words about a failure. */
    const char *error;
    /* Of a POST the first bytes of the body, at most 512; of a GET the whole. */
    const char *body;
    size_t body_length;
} ccurl_result;

/* Of a request that ccurl_multi_next_finished gave. The pointers stay valid until the request is freed. */
ccurl_result ccurl_request_result(const ccurl_request *request);

#ifdef __cplusplus
}
#endif
