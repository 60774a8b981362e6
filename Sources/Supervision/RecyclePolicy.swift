/// When a healthy child is replaced by a new one: it has grown too large, or is old. Pure.
///
/// What a stage written by a user leaks, or a library under it, ends with the process; nobody is called at night.
package struct RecyclePolicy: Sendable, Equatable {
    /// Resident memory that a child may have, in KiB; 0: any.
    package var maxKilobytes: Int
    /// How long a child lives, in milliseconds; 0: for ever.
    package var maxAge: Int64

    package init(maxKilobytes: Int = 0, maxAge: Int64 = 0) {
        self.maxKilobytes = maxKilobytes
        self.maxAge = maxAge
    }

    /// Whether anything is limited.
    package var isActive: Bool { maxKilobytes > 0 || maxAge > 0 }

    /// Why a child has to go, for the log; nil when it may stay.
    package func reason(kilobytes: Int, age: Int64) -> String? {
        if maxKilobytes > 0, kilobytes > maxKilobytes {
            return "it has \(kilobytes) KiB of memory, more than \(maxKilobytes)"
        }
        if maxAge > 0, age > maxAge { return "it is \(age / 1000) s old, older than \(maxAge / 1000)" }
        return nil
    }
}
