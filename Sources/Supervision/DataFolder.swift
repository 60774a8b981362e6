import Console
import Glibc

/// The folder in which `tidings up` keeps its Redis: socket, append-only file, configuration, lock.
package struct DataFolder {
    package let path: String

    package init(path: String) {
        self.path = path.hasPrefix("/") ? path : DataFolder.workingFolder + "/" + path
    }

    package var socket: String { path + "/redis.sock" }
    package var redisConfiguration: String { path + "/redis.conf" }
    private var lock: String { path + "/lock" }

    /// Makes the folder and its parents, for this user only.
    package func create() throws {
        var current = ""
        for part in path.split(separator: "/") {
            current += "/" + part
            if mkdir(current, 0o700) != 0, errno != EEXIST {
                throw CommandError("cannot make the folder \(current): \(String(cString: strerror(errno)))")
            }
        }
        guard socket.utf8.count <= 107 else {
            throw CommandError("the path \(path) is too long for a socket in it; name a shorter folder with --data DIR")
        }
    }

    /// Makes sure that only one process uses the folder. Held until the process ends.
    package func takeLock() throws {
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandError("another 'tidings up' uses \(path); stop it, or name another folder with --data DIR")
        }
    }

    private static var workingFolder: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
