/// Why a command did not do what it was asked, in one line that says what to do; and the exit code that goes with it.
struct CommandError: Error, CustomStringConvertible {
    /// 1: failed. 2: wrong use. 75: try again later (EX_TEMPFAIL of sysexits.h).
    let exitCode: Int32
    let description: String

    init(_ message: String, exitCode: Int32 = 1) {
        description = message
        self.exitCode = exitCode
    }
}
