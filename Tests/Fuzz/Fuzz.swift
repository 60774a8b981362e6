import FuzzTargets
import Glibc

/// What libFuzzer calls with each input. `TIDINGS_FUZZ` names the target.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    if let violation = target.violation(Array(UnsafeBufferPointer(start: data, count: size))) {
        fatalError("\(target.rawValue): \(violation)")
    }
    return 0
}

private let target: FuzzTarget = {
    let name = getenv("TIDINGS_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("TIDINGS_FUZZ is one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return target
}()
