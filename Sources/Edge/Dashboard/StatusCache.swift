import Events

/// The pipeline's state as all who look at the dashboard share it.
final class StatusCache {
    private let source: any StatusSource
    private let services: EdgeServices
    private var schedule = ReadingSchedule()
    private var latest = StatusDocument(body: [])
    private var waiting: [StatusRead] = []

    init(source: any StatusSource, services: EdgeServices) {
        self.source = source
        self.services = services
    }

    /// Gives the newest state to a reader, at once or when it has come.
    func show(to read: StatusRead) {
        switch schedule.wanted(at: Clock.monotonicMilliseconds()) {
        case .useLatest: read.answer(with: latest)
        case .wait: waiting.append(read)
        case .read:
            waiting.append(read)
            services.metrics.statusReads += 1
            source.read { [weak self] in self?.came($0, hasAnswer: $1) }
        }
    }

    /// A reader has gone.
    func forget(_ read: StatusRead) {
        waiting.removeAll { $0 === read }
    }

    private func came(_ body: [UInt8], hasAnswer: Bool) {
        schedule.came(at: Clock.monotonicMilliseconds(), hasAnswer: hasAnswer)
        latest = StatusDocument(body: body)
        let readers = waiting
        waiting = []
        for read in readers { read.answer(with: latest) }
    }
}
