/* libevent's configuration defines _GNU_SOURCE, which changes fd_set: the two system headers come first, here and in
   CHiredis, so that both modules see the same types. */
#include <sys/types.h>
#include <sys/time.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/prctl.h>

/* prctl() takes a variable number of arguments, which Swift cannot call. */
static inline int tidings_signal_on_parent_death(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }
