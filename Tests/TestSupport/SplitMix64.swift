import Glibc

/// A seeded random number generator: the same seed gives the same numbers on every machine.
///
/// A test that uses it prints the seed when it fails. SplitMix64 is by Sebastiano Vigna (public domain).
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// The seed of the generator.
    public let seed: UInt64
    private var state: UInt64

    /// Starts at `seed`; without one, at the value of `TIDINGS_SEED`, or else at a random seed.
    public init(seed: UInt64? = nil) {
        let chosen = seed ?? getenv("TIDINGS_SEED").flatMap { UInt64(String(cString: $0)) }
        self.seed = chosen ?? UInt64.random(in: 0 ... .max)
        state = self.seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
