/* libevent's configuration defines _GNU_SOURCE, which changes fd_set: the two system headers come first, here and in
   CHiredis, so that both modules see the same types. */
#include <sys/types.h>
#include <sys/time.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A descriptor by which one thread wakes another. */
static inline int tidings_wake_descriptor(int blocking) { return eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK)); }

/* The name of the calling thread. Declared by the system only under _GNU_SOURCE. */
static inline void tidings_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
