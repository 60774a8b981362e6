import Glibc

/// A program cannot be started.
struct ExecError: Error, CustomStringConvertible {
    /// What failed, and what to do about it.
    let message: String

    init(command: [String], code: Int32) {
        let program = command.first ?? ""
        let advice =
            switch code {
            case ENOENT: "install it, or correct `exec` in the configuration"
            case EACCES: "make it executable for this user (chmod +x)"
            case ENOEXEC: "it is no program for this machine"
            case EMFILE, ENFILE: "raise the limit of open files"
            case EAGAIN, ENOMEM: "the system has no processes or no memory left"
            default: "correct `exec` in the configuration"
            }
        message = "the program '\(program)' cannot be started: \(String(cString: strerror(code))); \(advice)"
    }

    var description: String { message }
}
