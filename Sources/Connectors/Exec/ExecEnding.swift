/// Why a run of an `exec` program is over, in words for the log and for dead letters.
enum ExecEnding: Equatable {
    /// By itself, or somebody killed it.
    case died(how: String)
    /// An event took longer than it may, in milliseconds.
    case timeout(Int64)
    /// It wrote what is no answer.
    case invalidAnswer(String)
    /// It closed its standard input or output and lived on.
    case closedPipe

    /// For the log: what the program did.
    var summary: String {
        switch self {
        case .died(let how): "died (\(how))"
        case .timeout(let limit): "killed: no answer within \(limit) ms"
        case .invalidAnswer(let what): "killed: it wrote \(what)"
        case .closedPipe: "killed: it closed its standard input or output"
        }
    }

    /// For the event that is to blame.
    var blame: String {
        switch self {
        case .died(let how): "the program died (\(how)) over this event"
        case .timeout(let limit):
            "the program gave no answer to this event within \(limit) ms and was killed; "
                + "it has to flush its output after each line"
        case .invalidAnswer(let what): "the program wrote \(what) over this event and was killed"
        case .closedPipe: "the program closed its standard input or output over this event and was killed"
        }
    }

    /// For lanes whose program did not get as far as an event.
    func failedStart(within limit: Int64) -> String {
        switch self {
        case .timeout:
            "the program read nothing within \(limit) ms of its start and was killed; see its lines in the log"
        default: "the program ended before it read an event: \(summary); see its lines in the log and correct it"
        }
    }
}
