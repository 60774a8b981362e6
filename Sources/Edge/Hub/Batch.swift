/// Events of a channel as one body that all readers at the same position share.
struct Batch {
    /// A JSON array.
    let body: [UInt8]
    /// How many events it holds.
    let count: Int
    /// The position after them.
    let next: Position
    /// Whether the ring held nothing more.
    let reachesEnd: Bool
}
