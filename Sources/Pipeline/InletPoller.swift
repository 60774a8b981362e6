internal import Events
internal import Logging
internal import Redis
internal import Store

/// Moves what is put into an inlet to the queue `NAME:incoming`, for the worker that owns the lane of that queue: does
/// what the machine ``InletPollState`` says and tells it the outcome.
///
/// One function takes an item out, claims it and hands it on, and checks the lane's token: when a process dies, an item
/// is either still in the inlet or already in the queue.
final class InletPoller {
    let inlet: Inlet
    /// The fencing token of the lane.
    let token: String

    private let environment: LaneEnvironment
    private var machine = InletPollState()
    private var step = 0
    private var lastLogged: String?
    private var generator: LoopGenerator
    private lazy var timer = Timer(on: environment.loop) { [unowned self] in self.tell(.timer) }

    init(inlet: Inlet, token: String, environment: LaneEnvironment) {
        self.inlet = inlet
        self.token = token
        self.environment = environment
        generator = LoopGenerator(of: environment.loop)
    }

    /// Takes the first step.
    func begin() {
        perform(machine.begin())
    }

    /// Tells what happened.
    func tell(_ input: InletPollState.Input) {
        perform(machine.handle(input, using: &generator))
        if machine.state == .closed {
            step += 1
            timer.cancel()
        }
    }

    private func perform(_ action: InletPollState.Action) {
        switch action {
        case .none: break
        case .draw: draw()
        case .watch: watch()
        case .wait(let milliseconds): timer.schedule(after: milliseconds)
        }
    }

    private func draw() {
        step += 1
        let sent = step
        let batch = environment.limits.batchEvents
        let call = FunctionCall.draw(from: inlet, into: environment.layout, token: token, count: batch, limit: batch)
        environment.connection.call(call) { [weak self] result in
            guard let self, sent == self.step else { return }
            switch result {
            case .failure(let error):
                self.log(error)
                self.tell(.refused(error))
            case .success(.drawn(let count)):
                self.lastLogged = nil
                self.tell(.drawn(count))
            case .success(.full): self.tell(.full)
            case .success(.fenced): self.tell(.fenced)
            }
        }
    }

    private func watch() {
        step += 1
        let sent = step
        // Any command that reads the key will do; EXISTS fits all types.
        environment.watcher.read(RedisCommand("EXISTS", inlet.key)) { [weak self] result in
            guard let self, sent == self.step else { return }
            switch result {
            case .failure(let error): self.tell(.refused(error))
            case .success: self.tell(.watched)
            }
        }
    }

    private func log(_ error: RedisError) {
        guard !error.isUnanswered, error.message != lastLogged else { return }
        lastLogged = error.message
        environment.logger.warning(
            "nothing can be taken from this door now, trying again",
            metadata: ["door": "\(inlet)", "error": "\(error.message)"])
    }
}
