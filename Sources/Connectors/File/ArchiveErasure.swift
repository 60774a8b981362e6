import Glibc
import JSON
import Store

/// Takes a person's comments out of archive files that no worker appends to.
///
/// Look at all files first, then rewrite them: an edit that names nobody belongs to a comment whose creation may stand in
/// another file. A file is written anew beside the old one and renamed in its place, under the lock that a `file` stage
/// takes: either all of the person's lines are gone or none is.
package struct ArchiveErasure {
    /// Why a file was left as it is.
    package struct Failure: Error {
        package let message: String
        /// Whether trying again later may help.
        package let isTransient: Bool

        fileprivate init(_ message: String, isTransient: Bool = false) {
            self.message = message
            self.isTransient = isTransient
        }
    }

    /// Lines of the person that were seen, and lines that were removed.
    package private(set) var found = 0
    package private(set) var removed = 0
    /// Lines that are no JSON objects, in files that were looked at.
    package private(set) var unreadable = 0

    private let author: String
    private let parser = JSONParser(maxBytes: 512 << 20)
    /// The person's comments: conversation, a NUL, id.
    private var posts: Set<[UInt8]> = []

    package init(author: String) {
        self.author = author
    }

    /// Finds the person's comments in a file.
    package mutating func look(at path: String) throws(Failure) {
        let file = try ArchiveReader(path)
        var isFirst = true
        while let (line, isWhole) = try file.next() {
            let fields = try? parser.parseObject(Array(line))
            if fields == nil, isFirst, isWhole {
                throw Failure("\(path) does not begin with a JSON object; is it an archive? unpack it first")
            }
            isFirst = false
            if let fields, isAuthor(of: fields) {
                found += 1
                if let change = CommentChange(of: fields) { posts.insert(change.post) }
            } else if fields == nil, isWhole {
                unreadable += 1
            }
        }
    }

    /// Removes the lines of the comments that were found from a file, and a last line that was written in part.
    package mutating func rewrite(_ path: String) throws(Failure) {
        let file = try ArchiveReader(path)
        var count = 0
        var isTorn = false
        while let (line, isWhole) = try file.next() {
            if isTheirs(line) { count += 1 } else if !isWhole { isTorn = true }
        }
        guard count > 0 || isTorn else { return }
        file.rewind()
        try file.replace { (line, isWhole) in isWhole && !isTheirs(line) }
        removed += count
    }

    private func isTheirs(_ line: ArraySlice<UInt8>) -> Bool {
        guard let fields = try? parser.parseObject(Array(line)) else { return false }
        if isAuthor(of: fields) { return true }
        guard let change = CommentChange(of: fields), change.kind != .deleted else { return false }
        return posts.contains(change.post)
    }

    private func isAuthor(of fields: JSONObject) -> Bool {
        ConversationKey.name(fields["author"]?["id"]) == author
    }

    fileprivate static func failure(_ path: String, _ what: String) -> Failure {
        let code = errno
        return Failure("\(path) cannot be \(what): \(String(cString: strerror(code)))", isTransient: code == ENOSPC)
    }
}

/// An archive that is read line by line, and may be replaced. Holds the file's lock.
private final class ArchiveReader {
    private let path: String
    /// Owned here: `deinit` closes it and releases its lock.
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    private static let chunk = 262_144
    /// No event is longer.
    private static let longestLine = 64 << 20

    init(_ name: String) throws(ArchiveErasure.Failure) {
        // The file itself is replaced, not a link to it.
        guard let resolved = realpath(name, nil) else { throw ArchiveErasure.failure(name, "opened") }
        path = String(cString: resolved)
        free(resolved)
        // From here on all is set, so `deinit` runs also when this throws.
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ArchiveErasure.failure(name, "opened") }
        var opened = stat()
        var named = stat()
        guard fstat(descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveErasure.Failure("\(name) is no file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, stat(path, &named) == 0, named.st_ino == opened.st_ino else {
            throw ArchiveErasure.Failure(
                "\(name) is being written by a worker; rename it, or stop the workers of its stage, and try again",
                isTransient: true)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The next line without its end, and whether it had one; nil after the last.
    func next() throws(ArchiveErasure.Failure) -> (line: ArraySlice<UInt8>, isWhole: Bool)? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                return (buffer[position..<end], true)
            }
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                return (buffer[position...], false)
            }
            guard buffer.count - position <= ArchiveReader.longestLine else {
                throw ArchiveErasure.Failure("\(path) has a line of more than 64 MiB; is it an archive?")
            }
            searched = buffer.count - position
            try fill()
        }
    }

    func rewind() {
        lseek(descriptor, 0, SEEK_SET)
        buffer = []
        position = 0
        isAtEnd = false
    }

    private func fill() throws(ArchiveErasure.Failure) {
        buffer.removeFirst(position)
        position = 0
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: ArchiveReader.chunk))
        var count = -1
        repeat {
            count = buffer.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + start }, ArchiveReader.chunk)
            }
        } while count < 0 && errno == EINTR
        buffer.removeLast(ArchiveReader.chunk - max(0, count))
        guard count >= 0 else { throw ArchiveErasure.failure(path, "read") }
        isAtEnd = count == 0
    }

    /// Writes the lines that stay into a new file, and renames it in place of this one. A run that was killed leaves the new
    /// file behind, which the next one overwrites.
    func replace(keeping stays: (ArraySlice<UInt8>, Bool) -> Bool) throws(ArchiveErasure.Failure) {
        let temporary = path + ".erasing"
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw ArchiveErasure.failure(path, "examined") }
        let output = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { throw ArchiveErasure.failure(temporary, "created") }
        do throws(ArchiveErasure.Failure) {
            defer { close(output) }
            // A stranger's file keeps its owner only when root rewrites it.
            _ = fchown(output, status.st_uid, status.st_gid)
            guard fchmod(output, status.st_mode & 0o7777) == 0 else {
                throw ArchiveErasure.failure(temporary, "given its rights")
            }
            var pending: [UInt8] = []
            while let (line, isWhole) = try next() {
                guard stays(line, isWhole) else { continue }
                pending += line
                pending.append(UInt8(ascii: "\n"))
                if pending.count >= ArchiveReader.chunk { try flush(&pending, to: output, temporary) }
            }
            try flush(&pending, to: output, temporary)
            guard fsync(output) == 0, rename(temporary, path) == 0 else {
                throw ArchiveErasure.failure(path, "replaced")
            }
        } catch {
            unlink(temporary)
            throw error
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { return }
        fsync(handle)
        close(handle)
    }

    private func flush(
        _ bytes: inout [UInt8], to output: Int32, _ name: String
    ) throws(ArchiveErasure.Failure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(output, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ArchiveErasure.failure(name, "written") }
            done += count
        }
        bytes = []
    }
}
