import Glibc

/// Random numbers from a seed, the same on every machine. SplitMix64 is by Sebastiano Vigna (public domain).
package struct SeededGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, 1.
    package mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A number of the normal distribution around 0 with a deviation of 1 (Box and Muller).
    package mutating func normal() -> Double {
        let radius = (-2 * log(1 - unit())).squareRoot()
        return radius * cos(2 * Double.pi * unit())
    }
}

/// Zipf's law: of so many ranks, counted from 0, the rank r is drawn in proportion to 1 / (r + 1)^exponent.
package struct ZipfLaw: Sendable {
    /// The share of this rank and all before it.
    private let cumulative: [Double]

    package init(_ count: Int, exponent: Double) {
        var sum = 0.0
        let sums = (0..<max(1, count)).map { rank in
            sum += pow(Double(rank + 1), -exponent)
            return sum
        }
        cumulative = sums.map { $0 / sum }
    }

    package var count: Int { cumulative.count }

    /// The share of a rank.
    package func share(of rank: Int) -> Double {
        rank == 0 ? cumulative[0] : cumulative[rank] - cumulative[rank - 1]
    }

    /// The rank at a place of 0 up to 1.
    package func rank(at place: Double) -> Int {
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > place { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
