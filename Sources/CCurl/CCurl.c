#define _GNU_SOURCE
#include "CCurl.h"

/* curl wraps its setters in macros that check types and name the functions: here they are called by pointers. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* Of a POST's answer these bytes go into an error's message, the rest is not needed. */
#define KEPT_BYTES 512
/* Head and body of a POST's answer together. */
#define ANSWER_BYTES 65536
/* The body of a GET's answer, and its head. */
#define DOCUMENT_BYTES 65536
#define HEAD_BYTES 32768

struct ccurl_multi {
    CURLM *handle;
    void *context;
    ccurl_watch watch;
    ccurl_schedule schedule;
};

struct ccurl_request {
    CURL *handle;
    /* The set that it runs in. */
    ccurl_multi *multi;
    struct curl_slist *headers;
    uint64_t tag;
    CURLcode code;
    long status;
    curl_off_t retry_after;
    /* How much is taken in all, how much of the body is kept, and whether that has to be the whole. */
    size_t limit;
    size_t room;
    int is_whole;
    size_t received;
    size_t body_length;
    int is_too_large;
    char *body;
    char error[CURL_ERROR_SIZE];
};

/* The functions of the library, once it is loaded. Written once, under `once`. */
static struct {
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    const char *(*easy_strerror)(CURLcode);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *);
    CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
    CURLMcode (*multi_add_handle)(CURLM *, CURL *);
    CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
    CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
    CURLMsg *(*multi_info_read)(CURLM *, int *);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    curl_version_info_data *(*version_info)(CURLversion);
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded;
static char load_error[256];

static int resolve(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (!symbol) {
        snprintf(load_error, sizeof load_error, "libcurl.so.4 has no %s: install libcurl4, 7.66 or later", name);
        return 0;
    }
    /* The way that POSIX recommends: C knows no cast from an object's pointer to a function's. */
    memcpy(function, &symbol, sizeof symbol);
    return 1;
}

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(load_error, sizeof load_error, "libcurl.so.4 cannot be loaded: install libcurl4 (%s)", dlerror());
        return;
    }
    if (!resolve(library, "curl_global_init", &curl.global_init)
        || !resolve(library, "curl_easy_init", &curl.easy_init)
        || !resolve(library, "curl_easy_cleanup", &curl.easy_cleanup)
        || !resolve(library, "curl_easy_setopt", &curl.easy_setopt)
        || !resolve(library, "curl_easy_getinfo", &curl.easy_getinfo)
        || !resolve(library, "curl_easy_strerror", &curl.easy_strerror)
        || !resolve(library, "curl_multi_init", &curl.multi_init)
        || !resolve(library, "curl_multi_cleanup", &curl.multi_cleanup)
        || !resolve(library, "curl_multi_setopt", &curl.multi_setopt)
        || !resolve(library, "curl_multi_add_handle", &curl.multi_add_handle)
        || !resolve(library, "curl_multi_remove_handle", &curl.multi_remove_handle)
        || !resolve(library, "curl_multi_socket_action", &curl.multi_socket_action)
        || !resolve(library, "curl_multi_info_read", &curl.multi_info_read)
        || !resolve(library, "curl_slist_append", &curl.slist_append)
        || !resolve(library, "curl_slist_free_all", &curl.slist_free_all)
        || !resolve(library, "curl_version_info", &curl.version_info)) {
        dlclose(library);
        return;
    }
    const curl_version_info_data *version = curl.version_info(CURLVERSION_NOW);
    /* 7.66 brought Retry-After. Without its own resolver curl would block the loop for as long as DNS takes. */
    if (version->version_num < 0x074200 || !(version->features & CURL_VERSION_ASYNCHDNS)) {
        snprintf(
            load_error, sizeof load_error,
            "libcurl %s cannot be used: install one of 7.66 or later that resolves names asynchronously",
            version->version);
        dlclose(library);
        return;
    }
    if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(load_error, sizeof load_error, "libcurl %s cannot be initialized", version->version);
        return;
    }
    is_loaded = 1;
}

int ccurl_load(char *error, size_t error_size) {
    pthread_once(&once, load);
    if (!is_loaded) snprintf(error, error_size, "%s", load_error);
    return is_loaded;
}

/* Callbacks of the set. */

static int socket_changed(CURL *handle, curl_socket_t descriptor, int what, void *context, void *socket_context) {
    (void)handle;
    (void)socket_context;
    ccurl_multi *multi = context;
    int readiness = CCURL_NONE;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) readiness |= CCURL_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) readiness |= CCURL_WRITE;
    multi->watch(multi->context, descriptor, readiness);
    return 0;
}

static int timer_changed(CURLM *handle, long milliseconds, void *context) {
    (void)handle;
    ccurl_multi *multi = context;
    multi->schedule(multi->context, milliseconds);
    return 0;
}

ccurl_multi *ccurl_multi_create(long connections, void *context, ccurl_watch watch, ccurl_schedule schedule) {
    ccurl_multi *multi = calloc(1, sizeof *multi);
    if (!multi) return NULL;
    multi->context = context;
    multi->watch = watch;
    multi->schedule = schedule;
    multi->handle = curl.multi_init();
    if (!multi->handle) {
        free(multi);
        return NULL;
    }
    curl.multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl.multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
    curl.multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, timer_changed);
    curl.multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
    curl.multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, connections);
    return multi;
}

void ccurl_multi_destroy(ccurl_multi *multi) {
    if (!multi) return;
    curl.multi_cleanup(multi->handle);
    free(multi);
}

void ccurl_multi_ready(ccurl_multi *multi, int descriptor, int readiness) {
    int what = 0;
    int running;
    if (readiness & CCURL_READ) what |= CURL_CSELECT_IN;
    if (readiness & CCURL_WRITE) what |= CURL_CSELECT_OUT;
    curl.multi_socket_action(multi->handle, descriptor, what, &running);
}

void ccurl_multi_timeout(ccurl_multi *multi) {
    int running;
    curl.multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
}

ccurl_request *ccurl_multi_next_finished(ccurl_multi *multi) {
    int left;
    CURLMsg *message;
    while ((message = curl.multi_info_read(multi->handle, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        ccurl_request *request = NULL;
        curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        request->code = message->data.result;
        curl.easy_getinfo(request->handle, CURLINFO_RESPONSE_CODE, &request->status);
        curl.easy_getinfo(request->handle, CURLINFO_RETRY_AFTER, &request->retry_after);
        curl.multi_remove_handle(multi->handle, request->handle);
        request->multi = NULL;
        return request;
    }
    return NULL;
}

/* Callbacks of a request. */

/* Counts what arrives; 0 when it is too much. Anything but the length ends the request. */
static size_t count(ccurl_request *request, size_t length) {
    request->received += length;
    if (request->received <= request->limit) return length;
    request->is_too_large = 1;
    return 0;
}

static size_t head_arrived(char *bytes, size_t size, size_t number, void *context) {
    (void)bytes;
    return count(context, size * number);
}

static size_t body_arrived(char *bytes, size_t size, size_t number, void *context) {
    ccurl_request *request = context;
    size_t length = size * number;
    size_t room = request->room - request->body_length;
    size_t kept = length < room ? length : room;
    if (request->is_whole && length > room) {
        request->is_too_large = 1;
        return 0;
    }
    memcpy(request->body + request->body_length, bytes, kept);
    request->body_length += kept;
    return count(request, length);
}

/* No program that this process starts may inherit a connection. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What every request has. NULL when memory is out. */
static ccurl_request *create(const char *url, const char *ca_file, long timeout, size_t room, uint64_t tag) {
    ccurl_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->tag = tag;
    request->room = room;
    request->body = malloc(room);
    CURL *handle = request->handle = curl.easy_init();
    if (!handle || !request->body) {
        ccurl_request_destroy(request);
        return NULL;
    }
    CURLcode code = curl.easy_setopt(handle, CURLOPT_URL, url);
    if (ca_file && code == CURLE_OK) code = curl.easy_setopt(handle, CURLOPT_CAINFO, ca_file);
    if (code != CURLE_OK) {
        ccurl_request_destroy(request);
        return NULL;
    }
    curl.easy_setopt(handle, CURLOPT_PRIVATE, request);
    curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, request->error);
    curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout);
    curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, timeout);
    curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl.easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    curl.easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl.easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, head_arrived);
    curl.easy_setopt(handle, CURLOPT_HEADERDATA, request);
    curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_arrived);
    curl.easy_setopt(handle, CURLOPT_WRITEDATA, request);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    /* Its successor that takes names came with 7.85. */
    curl.easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#pragma GCC diagnostic pop
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else the end of a request whose name is still being resolved waits for the resolver's thread, and the loop with
       it. Since 7.87; an older library does not know it and waits. */
    curl.easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
    return request;
}

ccurl_request *ccurl_request_create(
    const char *url, const char *ca_file, long timeout, const void *body, size_t length, uint64_t tag) {
    ccurl_request *request = create(url, ca_file, timeout, KEPT_BYTES, tag);
    if (!request) return NULL;
    request->limit = ANSWER_BYTES;
    curl.easy_setopt(request->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    if (curl.easy_setopt(request->handle, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK) {
        ccurl_request_destroy(request);
        return NULL;
    }
    return request;
}

ccurl_request *ccurl_request_create_get(const char *url, const char *ca_file, long timeout, uint64_t tag) {
    ccurl_request *request = create(url, ca_file, timeout, DOCUMENT_BYTES, tag);
    if (!request) return NULL;
    request->limit = DOCUMENT_BYTES + HEAD_BYTES;
    request->is_whole = 1;
    curl.easy_setopt(request->handle, CURLOPT_HTTPGET, 1L);
    return request;
}

void ccurl_request_destroy(ccurl_request *request) {
    if (!request) return;
    if (request->multi) curl.multi_remove_handle(request->multi->handle, request->handle);
    if (request->handle) curl.easy_cleanup(request->handle);
    curl.slist_free_all(request->headers);
    free(request->body);
    free(request);
}

int ccurl_request_add_header(ccurl_request *request, const char *line) {
    struct curl_slist *longer = curl.slist_append(request->headers, line);
    if (!longer) return 0;
    request->headers = longer;
    return 1;
}

int ccurl_request_start(ccurl_request *request, ccurl_multi *multi) {
    if (curl.easy_setopt(request->handle, CURLOPT_HTTPHEADER, request->headers) != CURLE_OK) return 0;
    if (curl.multi_add_handle(multi->handle, request->handle) != CURLM_OK) return 0;
    request->multi = multi;
    return 1;
}

uint64_t ccurl_request_tag(const ccurl_request *request) {
    return request->tag;
}

ccurl_result ccurl_request_result(const ccurl_request *request) {
    ccurl_result result = {
        .end = CCURL_FAILED,
        .status = request->status,
        .retry_after = request->retry_after,
        .error = request->error[0] ? request->error : curl.easy_strerror(request->code),
        .body = request->body,
        .body_length = request->body_length,
    };
    if (request->code == CURLE_OK) {
        result.end = CCURL_ANSWERED;
    } else if (request->is_too_large) {
        result.end = CCURL_TOO_LARGE;
    } else if (request->code == CURLE_OPERATION_TIMEDOUT) {
        result.end = CCURL_TIMED_OUT;
    }
    return result;
}
