/// Why a command did not do what it was asked, in one line that says what to do; and the exit code that goes with it.
package struct CommandError: Error, CustomStringConvertible {
    /// 1: failed. 2: wrong use. 75: try again later (EX_TEMPFAIL of sysexits.h).
    package let exitCode: Int32
    package let description: String

    package init(_ message: String, exitCode: Int32 = 1) {
        description = message
        self.exitCode = exitCode
    }

    /// The same with a word in front on how far the command had come.
    package func after(_ progress: String) -> CommandError {
        CommandError("\(progress): \(description)", exitCode: exitCode)
    }
}
