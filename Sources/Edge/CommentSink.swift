/// Takes the comments that come in over HTTP.
public protocol CommentSink: AnyObject {
    /// Takes one request's body: one JSON object, or one a line when `ndjson` is true.
    ///
    /// Called on the loop's thread. Calls back exactly once, on the loop's thread, at once or later; a client that has
    /// left meanwhile is no concern of the sink.
    func accept(_ body: [UInt8], ndjson: Bool, completion: @escaping (CommentVerdict) -> Void)
}
