import Configuration
import Console
import Pipeline
import Redis
import Thoonk

extension CommandError {
    /// What an error of this program's modules comes to; nil for any other, as those of the argument parser are.
    init?(of error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as ConfigurationError: self.init(error.description, exitCode: 2)
        case let error as RedisError:
            self.init(error.message, exitCode: error.code == .address ? 2 : error.isTransient ? 75 : 1)
        case let error as PipelineError:
            self.init(error.message, exitCode: CommandError.isTransient(error) ? 75 : 1)
        case let error as ThoonkError: self.init(error.message, exitCode: error.exitCode)
        case let error as ItemOutput.Failure: self.init(error.description)
        default: return nil
        }
    }

    private static func isTransient(_ error: PipelineError) -> Bool {
        switch error.code {
        case .full: true
        // A key that holds something else than it should will do so tomorrow.
        case .redis: error.underlying?.isTransient ?? true
        case .differs, .invalid, .process: false
        }
    }
}
