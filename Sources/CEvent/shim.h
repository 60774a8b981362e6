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

/* prctl() takes a variable number of arguments, which Swift cannot call. */
static inline int tidings_signal_on_parent_death(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

static inline int tidings_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1); }

/* The seconds that an orphan has. Used by one file of Events only, so there is one of it. */
static inline unsigned *tidings_orphan_grace(void)
{
    static unsigned seconds;
    return &seconds;
}

/* The parent is gone. SIGALRM ends this process, also when its loop turns no more; SIGTERM asks the loop. Only what is
   safe in a handler. */
static inline void tidings_orphaned(int signal)
{
    (void)signal;
    alarm(*tidings_orphan_grace());
    kill(getpid(), SIGTERM);
}

/* Has SIGTERM come when the parent ends, and the end so many seconds after it. */
static inline void tidings_end_with_parent(unsigned seconds)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = tidings_orphaned;
    sigemptyset(&action.sa_mask);
    *tidings_orphan_grace() = seconds;
    sigaction(SIGUSR2, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
}


/* A descriptor by which one thread wakes another. */
static inline int tidings_wake_descriptor(int blocking) { return eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK)); }

/* The name of the calling thread. Declared by the system only under _GNU_SOURCE. */
static inline void tidings_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
