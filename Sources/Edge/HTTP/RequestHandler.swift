/// Answers requests.
protocol RequestHandler: AnyObject {
    /// Understands a head whose ranges count in `bytes`.
    func read(_ head: RequestHead, of bytes: Span<UInt8>) throws(HTTPError) -> Request

    /// What the origin of a request is to the server, for the fields of its answer.
    func origin(_ head: RequestHead, of bytes: Span<UInt8>) -> OriginMatch

    /// The largest body that a request may have.
    func bodyLimit(of request: Request) -> Int

    /// Answers a request: calls ``Connection/respond(_:type:body:fields:)`` before it returns, or
    /// ``Connection/begin(_:)`` and answers later.
    func handle(_ request: Request, body: [UInt8], on connection: Connection)
}
