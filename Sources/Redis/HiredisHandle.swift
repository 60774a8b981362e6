internal import CHiredis
internal import Events
import Glibc

/// The only owner of a `redisAsyncContext`: connects it, tells it when its socket is ready, and converts its replies to
/// values.
///
/// hiredis frees the context when the connection breaks, when connecting fails, or in ``close()``. Its last call into
/// this class is `cleanup`, after which `context` is nil. The socket is watched for reading as long as the context
/// lives. Writes happen once at the end of a turn of the loop, so all commands of a turn take one system call. What the
/// socket does not take then is written when it can take more.
final class HiredisHandle: RedisTransport {
    var onReply: (Result<RedisValue, RedisError>?) -> Void = { _ in }
    var onConnected: () -> Void = {}
    var onClosed: (String) -> Void = { _ in }

    private let loop: EventLoop
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var readiness: FileEvent?
    private var flush: Deferral?
    private var isConnected = false
    /// Whether hiredis is writing: what it asks for then is the rest of that.
    private var isWriting = false
    /// Whether the socket is full.
    private var isBlocked = false
    private var lastProgress: Int64 = 0
    /// The bytes of all commands so far.
    private var given = 0
    /// How many of these the peer's system had acknowledged at the last call of ``progress()``.
    private var taken = 0
    private var failure = "the server closed the connection"

    init(on loop: EventLoop) {
        self.loop = loop
    }

    deinit {
        detach()
        close(because: "closed")
    }

    func detach() {
        onReply = { _ in }
        onConnected = {}
        onClosed = { _ in }
    }

    func connect(to endpoint: RedisAddress.Endpoint) throws(RedisError) {
        let made: UnsafeMutablePointer<redisAsyncContext>? =
            switch endpoint {
            case .tcp(let host, let port): redisAsyncConnect(host, port)
            case .unix(let path): redisAsyncConnectUnix(path)
            }
        guard let made else { throw RedisError(.disconnected, "out of memory") }
        if made.pointee.err != 0 {
            let message = HiredisHandle.message(of: made)
            redisAsyncFree(made)
            throw RedisError(.disconnected, message)
        }
        context = made
        if case .tcp = endpoint { HiredisHandle.tune(made.pointee.c.fd) }
        made.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        made.pointee.ev.data = made.pointee.data
        made.pointee.ev.addRead = { HiredisHandle.from($0)?.watchReads() }
        made.pointee.ev.delRead = { _ in }
        made.pointee.ev.addWrite = { HiredisHandle.from($0)?.requestWrite() }
        made.pointee.ev.delWrite = { HiredisHandle.from($0)?.wroteAll() }
        made.pointee.ev.cleanup = { HiredisHandle.from($0)?.cleanedUp() }
        readiness = FileEvent(on: loop, descriptor: made.pointee.c.fd) { [unowned self] in self.ready($0) }
        flush = Deferral(on: loop) { [unowned self] in self.write() }
        redisAsyncSetConnectCallback(made) { HiredisHandle.connected($0, $1) }
        // Setting the callback requests writability, which tells hiredis when connecting has ended.
    }

    func send(_ command: RedisCommand) -> Bool {
        guard let context else { return false }
        var wire = command.encoded
        given += wire.count
        // hiredis reads past the last argument of a SUBSCRIBE as if it were a C string: a zero byte has to follow.
        wire.append(0)
        return wire.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                redisAsyncFormattedCommand(
                    context, { HiredisHandle.replied($0, $1, $2) }, nil, $0.baseAddress, $0.count - 1) == REDIS_OK
            }
        }
    }

    func progress() -> Int64 {
        guard let context else { return lastProgress }
        var queued: Int32 = 0
        // SIOCOUTQ: the bytes in the send buffer that the peer has not acknowledged.
        guard ioctl(context.pointee.c.fd, UInt(TIOCOUTQ), &queued) == 0 else { return lastProgress }
        let left = given - (context.pointee.c.obuf.map { sdslen($0) } ?? 0) - Int(queued)
        if left > taken {
            taken = left
            lastProgress = Clock.monotonicNanoseconds()
        }
        return lastProgress
    }

    func close(because reason: String) {
        guard let context else { return }
        failure = reason
        redisAsyncFree(context)
    }

    private func watchReads() {
        readiness?.watch(isBlocked ? [.read, .write] : .read)
    }

    private func requestWrite() {
        if isWriting || !isConnected {
            isBlocked = isConnected
            readiness?.watch([.read, .write])
        } else if !isBlocked {
            flush?.schedule()
        }
    }

    private func wroteAll() {
        isBlocked = false
        readiness?.watch(.read)
    }

    private func ready(_ what: FileEvent.Readiness) {
        if what.contains(.read), let context {
            lastProgress = Clock.monotonicNanoseconds()
            redisAsyncHandleRead(context)
        }
        // Reading may have ended the connection: `context` is read again.
        if what.contains(.write) { write() }
    }

    private func write() {
        guard let context else { return }
        isWriting = true
        redisAsyncHandleWrite(context)
        isWriting = false
    }

    private func cleanedUp() {
        guard let ended = context else { return }
        if ended.pointee.err != 0 { failure = HiredisHandle.message(of: ended) }
        context = nil
        readiness?.cancel()
        isConnected = false
        onClosed(failure)
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> HiredisHandle? {
        pointer.map { Unmanaged<HiredisHandle>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func connected(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
        guard let context, let handle = from(context.pointee.data), status == REDIS_OK else { return }
        handle.isConnected = true
        handle.readiness?.watch(.read)
        handle.onConnected()
    }

    private static func replied(
        _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
        _ command: UnsafeMutableRawPointer?
    ) {
        guard let context, let handle = from(context.pointee.data) else { return }
        handle.onReply(reply.map { value(of: $0.assumingMemoryBound(to: redisReply.self)) })
    }

    static func value(of reply: UnsafeMutablePointer<redisReply>) -> Result<RedisValue, RedisError> {
        let value = convert(reply)
        if case .error(let error) = value { return .failure(error) }
        return .success(value)
    }

    private static func convert(_ reply: UnsafeMutablePointer<redisReply>) -> RedisValue {
        switch reply.pointee.type {
        case REDIS_REPLY_INTEGER:
            return .integer(reply.pointee.integer)
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS:
            let bytes = UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len))
            return .string([UInt8](bytes))
        case REDIS_REPLY_ERROR:
            let bytes = UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len))
            return .error(RedisError(reply: String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ARRAY:
            return .array(
                (0..<Int(reply.pointee.elements)).map { index in
                    reply.pointee.element[index].map(convert) ?? .null
                })
        default:
            return .null
        }
    }

    private static func message(of context: UnsafeMutablePointer<redisAsyncContext>) -> String {
        context.pointee.errstr.map { String(cString: $0) } ?? "unknown error \(context.pointee.err)"
    }

    /// Disables Nagle's algorithm: small commands must not wait for an acknowledgement.
    private static func tune(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
