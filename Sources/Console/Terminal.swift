import Glibc

/// The terminal of the person who runs a command, and its environment.
package enum Terminal {
    /// Whether a descriptor is a terminal that wants colour. Source: no-color.org.
    package static func isColoured(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && getenv("NO_COLOR") == nil && environment("TERM") != "dumb"
    }

    /// A variable of the environment; nil when it is not set or empty.
    package static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Writes a text whole.
    package static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        var text = text
        text.withUTF8 { buffer in
            var rest = UnsafeRawBufferPointer(buffer)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 { if errno == EINTR { continue } else { return } }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }

    package static func writeError(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// Shows how far a long command has come, in place of the last such line; nothing unless standard error is a
    /// terminal.
    package static func progress(_ text: String) {
        if isatty(STDERR_FILENO) == 1 { writeError("\r\(text) …\u{1B}[K") }
    }

    /// Removes the line of ``progress(_:)``.
    package static func clearProgress() {
        if isatty(STDERR_FILENO) == 1 { writeError("\r\u{1B}[K") }
    }
}

/// Why a command did not do what it was asked, in one line that says what to do; and the exit code that goes with it.
package struct CommandError: Error, CustomStringConvertible {
    /// 1: failed. 2: wrong use. 75: try again later (EX_TEMPFAIL of sysexits.h).
    package let exitCode: Int32
    package let description: String

    package init(_ message: String, exitCode: Int32 = 1) {
        description = message
        self.exitCode = exitCode
    }

    /// The same error, after a text that says how far the command has come.
    package func after(_ progress: String) -> CommandError {
        CommandError("\(progress): \(description)", exitCode: exitCode)
    }
}
