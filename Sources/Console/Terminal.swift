import Glibc

/// What is known of the person's terminal.
package enum Terminal {
    /// Whether a descriptor is a terminal that wants colour. Source: no-color.org.
    package static func isColoured(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && getenv("NO_COLOR") == nil && environment("TERM") != "dumb"
    }

    /// A variable of the environment; nil when it is not set or empty.
    package static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

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

    /// One line that stands for the one before it, for work that takes long; nothing where nobody watches.
    package static func progress(_ text: String) {
        if isatty(STDERR_FILENO) == 1 { writeError("\r\(text) …\u{1B}[K") }
    }

    package static func clearProgress() {
        if isatty(STDERR_FILENO) == 1 { writeError("\r\u{1B}[K") }
    }
}
