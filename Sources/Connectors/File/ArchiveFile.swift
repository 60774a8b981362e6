import Glibc
import Pipeline

/// A partition's archive: a file of lines with a single writer, which holds its lock.
///
/// A batch is appended whole or not at all. Lines that another worker appended before it died, without a commit, are
/// recognised: see ``ArchiveTail``. When the file is renamed from outside (logrotate), the next batch goes into a new
/// one.
final class ArchiveFile {
    private let name: ArchiveName
    private let options: FileOptions
    private let write: Write
    /// Owned here: `closeFile` closes it and releases its lock. Negative while no file is open.
    private var descriptor: Int32 = -1
    /// Nil until the end of the file has been read.
    private var tail: ArchiveTail?

    /// write(2), or a replacement in tests.
    typealias Write = (Int32, UnsafeRawBufferPointer) -> Int

    /// How many bytes at the end of the file are compared with the first batch: more than the largest batch.
    private static let lookBack = 8 << 20

    init(
        _ name: ArchiveName, options: FileOptions,
        write: @escaping Write = { Glibc.write($0, $1.baseAddress, $1.count) }
    ) {
        self.name = name
        self.options = options
        self.write = write
    }

    deinit {
        closeFile()
    }

    /// Appends the lines of a batch that are not in the file yet. After an error none of them has been appended.
    ///
    /// - Parameters:
    ///   - batch: lines without their ends.
    ///   - now: milliseconds since 1970, for the name of a rotated file.
    func append(_ batch: [[UInt8]], now: Int64) throws(StageError) {
        try open()
        let present = tail?.match(batch) ?? 0
        let missing = batch[present...]
        if !missing.isEmpty {
            let bytes = missing.reduce(into: [UInt8]()) { bytes, line in
                bytes.append(contentsOf: line)
                bytes.append(UInt8(ascii: "\n"))
            }
            try rotate(before: bytes.count, now: now)
            try append(bytes)
            tail?.append(missing)
        } else if options.sync, fdatasync(descriptor) != 0 {
            throw failure("cannot be forced to disk", errno)
        }
    }

    // MARK: Opening

    private func open() throws(StageError) {
        if descriptor >= 0, !isCurrent { closeFile() }
        guard descriptor < 0 else { return }
        descriptor = Glibc.open(name.current, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure("cannot be opened", errno) }
        do throws(StageError) {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw StageError("\(name.current) is written by another process; waiting for its lock")
            }
            guard isCurrent else { throw StageError("\(name.current) was renamed while it was opened") }
            let lines = try lastLines()
            if tail == nil { tail = ArchiveTail(lines: lines) }
            if options.sync { syncFolder() }
        } catch {
            closeFile()
            throw error
        }
    }

    private func closeFile() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
    }

    /// Whether the name still belongs to the open file.
    private var isCurrent: Bool {
        var named = stat()
        var opened = stat()
        guard stat(name.current, &named) == 0, fstat(descriptor, &opened) == 0 else { return false }
        return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
    }

    private func size() throws(StageError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("cannot be examined", errno) }
        return Int(status.st_size)
    }

    /// Forces the folder to disk, so that the name of a new file survives a loss of power.
    private func syncFolder() {
        let folder = Glibc.open(name.folder.isEmpty ? "." : name.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    // MARK: The end of the file

    /// The last lines of the file, preceded by those of the newest rotated file when this one is short. A last line
    /// without an end was written in part: it is cut off.
    private func lastLines() throws(StageError) -> [[UInt8]] {
        let size = try size()
        var bytes = try lastBytes(of: descriptor, size: size, limit: ArchiveFile.lookBack)
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if end < bytes.count {
            guard end > 0 || bytes.count == size else {
                throw StageError("\(name.current) does not end with a line; is it an archive? move it away")
            }
            guard ftruncate(descriptor, off_t(size - (bytes.count - end))) == 0 else {
                throw failure("cannot be cut back to its last whole line", errno)
            }
            bytes.removeLast(bytes.count - end)
        }
        guard tail == nil else { return [] }
        guard size <= ArchiveFile.lookBack else { return ArchiveFile.lines(bytes, isCut: true) }
        return linesBefore(limit: ArchiveFile.lookBack - bytes.count) + ArchiveFile.lines(bytes, isCut: false)
    }

    /// The last lines of the newest rotated file.
    private func linesBefore(limit: Int) -> [[UInt8]] {
        guard let path = name.rotated(among: folderNames()).last else { return [] }
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { return [] }
        let size = Int(status.st_size)
        guard let bytes = try? lastBytes(of: file, size: size, limit: limit) else { return [] }
        return ArchiveFile.lines(bytes, isCut: bytes.count < size)
    }

    private func lastBytes(of file: Int32, size: Int, limit: Int) throws(StageError) -> [UInt8] {
        let count = min(size, limit)
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(file, buffer.baseAddress.map { $0 + done }, count - done, off_t(size - count + done))
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw failure("cannot be read", got < 0 ? errno : EIO) }
            done += got
        }
        return bytes
    }

    /// - Parameter isCut: the bytes may begin inside a line, which is dropped.
    private static func lines(_ bytes: [UInt8], isCut: Bool) -> [[UInt8]] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map(Array.init)
        return isCut ? Array(lines.dropFirst()) : lines
    }

    private func folderNames() -> [String] {
        guard let folder = opendir(name.folder.isEmpty ? "." : name.folder) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    // MARK: Writing

    private func append(_ bytes: [UInt8]) throws(StageError) {
        let before = try size()
        var done = 0
        var code: Int32 = 0
        while done < bytes.count, code == 0 {
            let count = bytes.withUnsafeBytes { write(descriptor, UnsafeRawBufferPointer(rebasing: $0[done...])) }
            if count > 0 { done += count } else if count == 0 { code = EIO } else if errno != EINTR { code = errno }
        }
        if code == 0, options.sync, fdatasync(descriptor) != 0 { code = errno }
        guard code != 0 else { return }
        if ftruncate(descriptor, off_t(before)) != 0 {
            // The partial line is cut off, and the rest compared, when the file is opened again.
            closeFile()
            tail = nil
        }
        throw failure("cannot be written", code)
    }

    /// Rotates the file when `count` more bytes would exceed the limit.
    private func rotate(before count: Int, now: Int64) throws(StageError) {
        guard let limit = options.rotate else { return }
        let size = try size()
        guard size > 0, size + count > limit else { return }
        var counter = 0
        while access(name.rotated(at: now, counter: counter), F_OK) == 0 { counter += 1 }
        guard rename(name.current, name.rotated(at: now, counter: counter)) == 0 else {
            throw failure("cannot be renamed", errno)
        }
        closeFile()
        try open()
        guard options.keep > 0 else { return }
        // A file that cannot be removed now is tried again at the next rotation.
        for path in name.rotated(among: folderNames()).dropLast(options.keep) { unlink(path) }
    }

    private func failure(_ what: String, _ code: Int32) -> StageError {
        let advice =
            switch code {
            case ENOENT: "make its folder"
            case EACCES, EPERM, EROFS: "give this user the right to write there"
            case ENOSPC, EDQUOT: "make room on the disk; events wait meanwhile"
            case EFBIG: "set `rotate` below the limit of the system"
            case EMFILE, ENFILE: "raise the limit of open files"
            case EIO: "the disk may be failing"
            default: "events wait until it can"
            }
        return StageError("\(name.current) \(what): \(String(cString: strerror(code))); \(advice)")
    }
}

/// The last lines of an archive, which may belong to events that are not committed yet. Pure.
///
/// A worker that dies between appending a batch and committing it leaves events in the queue whose lines are already in
/// the file. The next worker may get these events in batches of another size. So it compares each batch with the lines
/// at the end of the file, and does not append events that are there already, in the same order.
struct ArchiveTail {
    /// Lines without their ends, in the order of the file.
    private(set) var lines: [[UInt8]]

    init(lines: [[UInt8]] = []) {
        self.lines = lines
    }

    /// Finds the first events of a batch among the last lines: the first line from which lines and events are equal up
    /// to the end of either.
    ///
    /// - Returns: how many of the batch's events are in the file. The lines before them are committed, and dropped
    ///   here.
    mutating func match(_ batch: [[UInt8]]) -> Int {
        for start in lines.indices where agrees(batch, from: start) {
            lines.removeFirst(start)
            return min(lines.count, batch.count)
        }
        lines = []
        return 0
    }

    /// Adds lines that were appended to the file.
    mutating func append(_ appended: some Sequence<[UInt8]>) {
        lines.append(contentsOf: appended)
    }

    private func agrees(_ batch: [[UInt8]], from start: Int) -> Bool {
        // The first comparison usually fails already.
        zip(lines[start...], batch).allSatisfy { $0 == $1 }
    }
}
