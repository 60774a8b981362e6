/// The last lines of an archive, as far as they may belong to events that are not committed yet. Pure.
///
/// A worker that dies between appending a batch and committing it leaves events in the queue whose lines are in the file
/// already. Its successor may see them in batches of another size, one by one for instance. So the lines that stand at
/// the file's end are compared with what comes: events that are there, in the same order, are not appended again.
struct ArchiveTail {
    /// Lines without their ends, the file's last one last.
    private(set) var lines: [[UInt8]]

    init(lines: [[UInt8]] = []) {
        self.lines = lines
    }

    /// Finds a batch's first events among the last lines: where, from some line on, lines and events are the same up to
    /// the end of either. Where this holds at several places, the first counts.
    ///
    /// - Returns: how many of the batch's events are in the file. What stands before them is committed, and forgotten.
    mutating func match(_ batch: [[UInt8]]) -> Int {
        for start in lines.indices where agrees(batch, from: start) {
            lines.removeFirst(start)
            return min(lines.count, batch.count)
        }
        lines = []
        return 0
    }

    /// These lines have been appended.
    mutating func append(_ appended: some Sequence<[UInt8]>) {
        lines.append(contentsOf: appended)
    }

    private func agrees(_ batch: [[UInt8]], from start: Int) -> Bool {
        // Compares from the first on: as a rule that one differs already.
        zip(lines[start...], batch).allSatisfy { $0 == $1 }
    }
}
