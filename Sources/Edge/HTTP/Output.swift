/// What is left to be sent of an answer. The body is shared with other answers, never copied.
struct Output {
    /// What is left of the head.
    var head: [UInt8]
    var body: [UInt8]
    /// How much of the body was sent.
    var sent: Int
}
