internal import Events
internal import Logging
internal import Redis
internal import Store

/// Brings what is put into a Thoonk source to the open door, for the worker that owns the door's lane: does what the
/// state machine ``InletPollState`` says and tells it what came of it.
///
/// Taking from the source, claiming and handing on is one function, which checks the lane's token: whenever a process
/// dies, an item is either there or here.
final class InletPoller {
    let source: Inlet
    /// The fencing token of the open door's lane.
    let token: String

    private let environment: LaneEnvironment
    private var machine = InletPollState()
    private var step = 0
    private var lastLogged: String?
    private var generator = SystemRandomNumberGenerator()
    private lazy var timer = Timer(on: environment.loop) { [unowned self] in self.tell(.timer) }

    init(source: Inlet, token: String, environment: LaneEnvironment) {
        self.source = source
        self.token = token
        self.environment = environment
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
        let call = FunctionCall.draw(
            from: source, into: environment.layout, token: token, count: batch, limit: batch)
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
        environment.watcher.read(RedisCommand("EXISTS", source.key)) { [weak self] result in
            guard let self, sent == self.step else { return }
            switch result {
            case .failure(let error): self.tell(.refused(error))
            case .success: self.tell(.watched)
            }
        }
    }

    private func log(_ error: RedisError) {
        guard error.code != .disconnected, error.code != .timeout, error.message != lastLogged else { return }
        lastLogged = error.message
        environment.logger.warning(
            "nothing can be taken from this door now, trying again",
            metadata: ["door": "\(source)", "error": "\(error.message)"])
    }
}
