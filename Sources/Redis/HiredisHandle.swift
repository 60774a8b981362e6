internal import CHiredis
internal import Events
import Glibc

/// The one owner of a `redisAsyncContext`: connects it, feeds it readiness from the loop, and turns its replies into
/// values. Knows nothing of reconnecting or deadlines.
///
/// Who frees: hiredis frees the context when the link breaks, when the connect fails, or after ``close()``; its last
/// call into here is `cleanup`, after which `context` is nil. Reads stay registered for as long as the context lives;
/// writes happen once at the end of a loop's turn, so all commands of a turn leave in one system call.
final class HiredisHandle {
    /// Called with each reply, in the order of the commands; nil when the link ended before it came. For a
    /// subscription: called for each message.
    var onReply: (Result<RedisValue, RedisError>?) -> Void = { _ in }
    /// Called once when the connection stands.
    var onConnected: () -> Void = {}
    /// Called once when it is over, for whatever reason, after every outstanding reply was answered with nil. The handle
    /// is of no further use.
    var onClosed: (String) -> Void = { _ in }

    private let loop: EventLoop
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var readiness: FileEvent?
    private var flush: Deferral?
    private var isConnected = false
    private var lastProgress: Int64 = 0
    /// Bytes of all commands so far, and how many of them the peer's system had taken when that was last asked.
    private var given = 0
    private var taken = 0
    private var failure = "the server closed the connection"

    init(on loop: EventLoop) {
        self.loop = loop
    }

    deinit {
        detach()
        close()
    }

    /// The owner hears no more of this handle.
    func detach() {
        onReply = { _ in }
        onConnected = {}
        onClosed = { _ in }
    }

    /// Starts to connect. ``onConnected`` or ``onClosed`` follows.
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
        made.pointee.ev.delWrite = { HiredisHandle.from($0)?.readiness?.watch(.read) }
        made.pointee.ev.cleanup = { HiredisHandle.from($0)?.cleanedUp() }
        readiness = FileEvent(on: loop, descriptor: made.pointee.c.fd) { [unowned self] in self.ready($0) }
        flush = Deferral(on: loop) { [unowned self] in self.flushNow() }
        redisAsyncSetConnectCallback(made) { HiredisHandle.connected($0, $1) }
        // Registering the callback asks for writability, by which hiredis learns that the connect has ended.
    }

    /// Queues a command; its reply comes through ``onReply``.
    ///
    /// hiredis looks for the next argument of a SUBSCRIBE as in a C string, past the last one: a zero byte has to follow
    /// the command.
    /// - Returns: false when there is no connection any more: no reply will come.
    func send(_ command: RedisCommand) -> Bool {
        guard let context else { return false }
        var wire = command.encoded
        given += wire.count
        wire.append(0)
        return wire.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                redisAsyncFormattedCommand(
                    context, { HiredisHandle.replied($0, $1, $2) }, nil, $0.baseAddress, $0.count - 1) == REDIS_OK
            }
        }
    }

    /// When the line was last seen to carry bytes, either way, in nanoseconds of the monotonic clock; 0: never. What
    /// leaves is noticed only by asking: ask several times within the shortest silence that matters.
    func progress() -> Int64 {
        guard let context else { return lastProgress }
        var queued: Int32 = 0
        // SIOCOUTQ: what waits in the system for the peer to take it.
        guard ioctl(context.pointee.c.fd, UInt(TIOCOUTQ), &queued) == 0 else { return lastProgress }
        let left = given - (context.pointee.c.obuf.map { sdslen($0) } ?? 0) - Int(queued)
        if left > taken {
            taken = left
            lastProgress = Clock.monotonicNanoseconds()
        }
        return lastProgress
    }

    /// Ends the connection now. ``onClosed`` follows at once when there was one.
    func close(because reason: String = "closed") {
        guard let context else { return }
        failure = reason
        redisAsyncFree(context)
    }

    private func watchReads() {
        readiness?.watch(.read)
    }

    private func requestWrite() {
        if isConnected { flush?.schedule() } else { readiness?.watch([.read, .write]) }
    }

    private func ready(_ what: FileEvent.Readiness) {
        if what.contains(.read), let context {
            lastProgress = Clock.monotonicNanoseconds()
            redisAsyncHandleRead(context)
        }
        // The read may have ended the connection: ask again.
        if what.contains(.write), let context { redisAsyncHandleWrite(context) }
    }

    private func flushNow() {
        guard let context else { return }
        readiness?.watch([.read, .write])
        redisAsyncHandleWrite(context)
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

    /// Small commands must not wait for each other's acknowledgement.
    private static func tune(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
