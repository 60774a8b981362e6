/// How an edge that has nearly all the connections it can have asks for patience. Pure.
enum Pressure {
    /// The longest pause, in milliseconds.
    static let longest: Int64 = 5000
    /// The pause that is asked for while the process ends: its siblings must take over all that it held.
    static let ending: Int64 = 1000

    /// The pause in milliseconds before a reader's next poll: none below nine tenths of the limit, from there rising to
    /// the longest.
    static func pause(connections: Int, limit: Int, isEnding: Bool) -> Int64 {
        let room = max(1, limit / 10)
        let excess = min(connections - (limit - room), room)
        let pause = excess > 0 ? longest * Int64(excess) / Int64(room) : 0
        return isEnding ? max(ending, pause) : pause
    }
}
