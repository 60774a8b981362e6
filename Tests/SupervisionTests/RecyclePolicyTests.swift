import Supervision
import Testing

@Suite("replacing children that are well")
struct RecyclePolicyTests {
    @Test(
        "a child goes when it has more memory or age than allowed, and only then",
        arguments: [
            (RecyclePolicy(), 1 << 30, Int64.max, false),
            (RecyclePolicy(maxKilobytes: 1000), 1000, Int64.max, false),
            (RecyclePolicy(maxKilobytes: 1000), 1001, 0, true),
            (RecyclePolicy(maxAge: 60_000), 1 << 30, 60_000, false),
            (RecyclePolicy(maxAge: 60_000), 0, 60_001, true),
        ])
    func limits(policy: RecyclePolicy, kilobytes: Int, age: Int64, goes: Bool) {
        #expect((policy.reason(kilobytes: kilobytes, age: age) != nil) == goes)
    }
}
