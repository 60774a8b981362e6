#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define RANGE_CLOEXEC 4

/* Marks all but the standard three as close-on-exec: some libraries do not mark what they open. */
static void close_others_on_exec(void)
{
    if (syscall(SYS_close_range, 3u, ~0u, RANGE_CLOEXEC) == 0) return;
    long last = sysconf(_SC_OPEN_MAX);
    if (last < 0 || last > 65536) last = 65536;
    for (int descriptor = 3; descriptor < last; descriptor++) {
        int flags = fcntl(descriptor, F_GETFD);
        if (flags >= 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
    }
}

/* What the child is to be. */
struct child {
    char *const *argv;
    const int *standard; /* three descriptors, or NULL */
    const int *inherited;
    int inherited_count;
    int parent_death_signal;
};

/* Turns the child into the program. Only calls that are safe between fork and exec in a program with threads. Returns
   when that fails, with errno set. */
static void become(const struct child *child, pid_t parent)
{
    setpgid(0, 0);
    if (child->parent_death_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, child->parent_death_signal) != 0) return;
        /* The parent may have ended before the line above. */
        if (getppid() != parent) {
            errno = ESRCH;
            return;
        }
    }
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < _NSIG; number++) sigaction(number, &standard, NULL);
    for (int target = 0; child->standard != NULL && target < 3; target++) {
        if (dup2(child->standard[target], target) < 0) return;
    }
    close_others_on_exec();
    for (int index = 0; index < child->inherited_count; index++) {
        const int flags = fcntl(child->inherited[index], F_GETFD);
        if (flags < 0 || fcntl(child->inherited[index], F_SETFD, flags & ~FD_CLOEXEC) != 0) return;
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(child->argv[0], child->argv);
}

/* Forks and has the child become the program. Returns 0 and the process id once that has happened, else an errno. */
static int start(const struct child *what, pid_t *pid)
{
    /* Carries errno when the program could not be started; is closed by exec when it was. */
    int line[2];
    if (pipe2(line, O_CLOEXEC) != 0) return errno;
    /* No handler of the parent may run in the child. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        const int end = fcntl(line[1], F_DUPFD_CLOEXEC, 3);
        if (end >= 0) {
            become(what, parent);
            const int failure = errno;
            (void)!write(end, &failure, sizeof failure);
        }
        _exit(127);
    }
    int code = child < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(line[1]);
    if (child > 0) {
        int failure = 0;
        ssize_t count;
        do count = read(line[0], &failure, sizeof failure);
        while (count < 0 && errno == EINTR);
        if (count == sizeof failure) code = failure;
        if (code != 0) while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(line[0]);
    if (code == 0) *pid = child;
    return code;
}

/* Opens three pipes: the first to the child, the others from it. Returns 0 or an errno; the caller closes what is
   open. */
static int open_pipes(int *own, int *theirs)
{
    for (int index = 0; index < 3; index++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) return errno;
        const int mine = index == 0 ? 1 : 0;
        own[index] = pair[mine];
        /* Above the standard three, so that no dup2() in the child overwrites what the next one needs. */
        theirs[index] = fcntl(pair[1 - mine], F_DUPFD_CLOEXEC, 3);
        const int code = theirs[index] < 0 || fcntl(pair[mine], F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
        close(pair[1 - mine]);
        if (code != 0) return code;
    }
    return 0;
}

int cspawn_start(char *const argv[], const int *inherited, int inherited_count, int *pipes, int parent_death_signal,
                 int *pid)
{
    if (argv[0] == NULL) return EINVAL;
    int theirs[3] = {-1, -1, -1};
    const struct child child = {argv, pipes == NULL ? NULL : theirs, inherited, inherited_count, parent_death_signal};
    int code = 0;
    if (pipes != NULL) {
        for (int index = 0; index < 3; index++) pipes[index] = -1;
        code = open_pipes(pipes, theirs);
    }
    if (code == 0) code = start(&child, pid);
    for (int index = 0; pipes != NULL && index < 3; index++) {
        if (theirs[index] >= 0) close(theirs[index]);
        if (code != 0 && pipes[index] >= 0) close(pipes[index]);
    }
    return code;
}

int cspawn_exit_descriptor(int pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int cspawn_unread(int descriptor)
{
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -1;
}

static unsigned orphan_grace;

/* The parent has ended. SIGTERM asks the loop to end; SIGALRM ends this process if the loop hangs. Only calls that are
   safe in a handler. */
static void orphaned(int signal)
{
    (void)signal;
    alarm(orphan_grace);
    kill(getpid(), SIGTERM);
}

void cspawn_end_with_parent(unsigned seconds)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = orphaned;
    sigemptyset(&action.sa_mask);
    orphan_grace = seconds;
    sigaction(SIGUSR2, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
}

void cspawn_adopt_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }
