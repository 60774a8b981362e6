import Console
import Glibc
import Pipeline
import Supervision

/// A folder for one benchmark's server and files; removed with all that is in it.
package struct BenchFolder {
    package let path: String

    package init() throws {
        var template = Array("/tmp/tidings-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandError("cannot make a folder in /tmp: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package func write(_ text: String, to name: String) throws {
        guard let file = fopen("\(path)/\(name)", "w") else { throw CommandError("cannot write to \(path)") }
        fputs(text, file)
        fclose(file)
    }

    package func remove() {
        let pid = try? Subprocess.spawn(["rm", "-rf", path])
        var status: Int32 = 0
        if let pid { waitpid(pid, &status, 0) }
    }
}
