import Thoonk

extension ThoonkError {
    /// What a command exits with for it. A verb whose reply was lost is no case for trying again blindly: 1.
    var exitCode: Int32 {
        switch code {
        case .invalid: 2
        case .unreachable, .memoryFull: 75
        case .uncertain, .closed, .wrongType, .noFeed, .noItem, .sequenced, .refused: 1
        }
    }
}
