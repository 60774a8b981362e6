import Configuration
import Connectors
import Console
import Edge
import Events
import Glibc
import Logging

/// Reads an edge's key set at its start and whenever it has changed, and hands the keys to the edge.
///
/// A file is looked at every few seconds, and read when its time, its size or its number has changed. A URL is fetched as
/// ``KeySetSchedule`` says. While it cannot be read, the keys stay as they are.
final class KeySetWatch {
    private let loop: EventLoop
    private let source: KeySetSource
    private let adopt: (KeySetReading) -> Void
    private let logger: Logger
    private var schedule: KeySetSchedule
    private var client: DocumentClient?
    private var seen: FileState?
    private var isFailing = false
    private lazy var timer = Timer(on: loop) { [unowned self] in self.due() }

    /// Time between two looks at a file, in milliseconds.
    private static let fileInterval: Int64 = 2000

    /// What changes when a file is written or replaced.
    private struct FileState: Equatable {
        let seconds: Int
        let nanoseconds: Int
        let size: Int
        let number: UInt64

        init?(_ path: String) {
            var state = stat()
            guard stat(path, &state) == 0 else { return nil }
            seconds = state.st_mtim.tv_sec
            nanoseconds = state.st_mtim.tv_nsec
            size = Int(state.st_size)
            number = UInt64(state.st_ino)
        }
    }

    /// - Parameter adopt: takes what became of each reading.
    init(on loop: EventLoop, _ source: KeySetSource, logger: Logger, adopt: @escaping (KeySetReading) -> Void) {
        self.loop = loop
        self.source = source
        self.logger = logger
        self.adopt = adopt
        schedule = KeySetSchedule(refresh: source.refresh, now: Clock.monotonicMilliseconds())
    }

    func start() {
        due()
    }

    /// A token names a key that is not in the set.
    func unknownKey() {
        guard case .url = source.place else { return }
        schedule.unknownKey(now: Clock.monotonicMilliseconds())
        arm()
    }

    private func due() {
        switch source.place {
        case .file(let path):
            look(at: path)
            timer.schedule(after: KeySetWatch.fileInterval)
        case .url(let url, let caFile): fetch(url, caFile)
        }
    }

    private func look(at path: String) {
        let state = FileState(path)
        guard state != seen || isFailing else { return }
        seen = state
        do {
            took(try KeySet(file: path))
        } catch {
            failed("\(error)")
        }
    }

    private func fetch(_ url: String, _ caFile: String?) {
        guard let next = schedule.next else { return }
        let now = Clock.monotonicMilliseconds()
        guard next <= now else { return arm() }
        schedule.begin(now: now)
        do throws(ConnectorsError) {
            if client == nil { client = try DocumentClient(on: loop, url: url, caFile: caFile) }
            try client?.get { [unowned self] in self.fetched($0) }
        } catch {
            fetched(.failure(error))
        }
    }

    private func fetched(_ result: Result<[UInt8], ConnectorsError>) {
        var isGood = false
        switch result {
        case .failure(let error): failed(error.message)
        case .success(let bytes):
            do throws(EdgeError) {
                took(try KeySet(bytes))
                isGood = true
            } catch {
                failed("\(client?.destination ?? ""): \(error.message)")
            }
        }
        schedule.end(isGood: isGood, now: Clock.monotonicMilliseconds())
        arm()
    }

    private func arm() {
        guard let next = schedule.next else { return }
        timer.schedule(after: max(0, next - Clock.monotonicMilliseconds()))
    }

    private func took(_ set: KeySet) {
        isFailing = false
        adopt(.keys(set.keys))
        logger.info("read the key set", metadata: ["keys": "\(set.keys.count)"])
        for reason in set.skipped {
            logger.notice("a key of the key set is not used", metadata: ["reason": "\(reason)"])
        }
    }

    private func failed(_ problem: String) {
        // The first failure is for people; while it lasts they need no line each second.
        logger.log(
            level: isFailing ? .info : .error, "the key set cannot be read: the keys stay as they are",
            metadata: ["error": "\(problem)"])
        isFailing = true
        adopt(.failed)
    }
}
