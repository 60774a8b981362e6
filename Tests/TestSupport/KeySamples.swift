/// Private keys as `openssl` writes them. They are nobody's.
public enum KeySamples {
    public static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCqocv5aHDmtdDz
        z+vDrNJgqOMwpDyHgbEuEEH5FfSeyIzFAJYCzJcIayK4yzaoMq79sfIoAyBA2etj
        M/x7bFWWO0Th75wyktNhMpiYbNBGWeYhEY98gCjBxoN5ILjHfEb1cPfLjfExbjaG
        6bRstyMLPisDdrXzPEaNXbowVDZVSHJxSkgju8guiH9JYvyqBVzgM/EDSl54AMDi
        k1/FaoXROU2pDyfZOO5JQPvaigeU0aQBt2iXR+Q/6XNYQ1JITBvKZoVua4AZEPC1
        SqVPm7fEvmSMeiiR0GiIvcsZTDkmu5oP/pwRd01Jh5aFcoTC/ELnbhAsrzzqN9ps
        sNkAwebJAgMBAAECggEAFzVemxPbl2XPf/od5UWSb9dI34rXOM8pHEzVzF1yIk7A
        5uLHhKXzPQ/lbyEk1AfgyVz0xQB32JpLa/jcNKVtlruFCP4gTrity6CoJMNYKNl9
        da3/yD1eTc0EgOs0dt2ugR/WdHdgAQsum3caNVdLivHvw87XvLfMGNpQwtYRddPl
        5+56CmNr+y8lCiQOT6JHMB6vRsjvya/lCEU6pkhd3/maeGTTcdbjok5PtLGFukYe
        NguAgeRPacHx3BuRH8x1Yum1rQoZ1g3f8z4yK5krMdc/xKxoAhW2Cn0W5k3//Xuv
        vVL+3ElZj59UjhOV28BIV3wxvKLe4kXu9aRQKUSSyQKBgQDY7FUHQoYIS9E1IZj6
        liM/BntsnK5mz/Ddld5VKiuPPVN8g/SdT7MroYJschEMO+WtiqcXfyc80odtCGnP
        1wHw4xDQvLxsBSSDmLbTQuWN+auYkpBDU8lrKl+Qc4GaMtdKsbG2MB/gXptxgVnd
        LX9tA/SBSbLHpyOKgVtMUFhNOwKBgQDJXrGI/yaEl6uCLYBcJiGtNCGlRTtXNwih
        TIcB49FsxlfRbqTpzqr+whwgPLopXF9XW53ii0RJDhy1Urztd56ukankhKi8MZHY
        xnlbyo/xwzET4/epNKxKu0UWxDUo0XBALP9ovniDk+Dwa4mi81Y8E7UHT0vZzXsX
        ICPt1A9rywKBgACRvjdiqU9kQ4xMJkaiFj2YGsLSNnL2oL80IX0/uxWJJ6rv/bhb
        +TBoIBuAwSKzFYs7De013DiApPJYT07IVaz4K5cgp63w5YOi5vfu+QNCYHzqBY7n
        rWOmnNGYPALXl1EO3lSIE81W8jl+CWpXMDptBDtCokF74s/+PusYWuL5AoGBAMIv
        pealnqBYnpTfihvSzcD4N8XnuGzHbnQVl0/UQN2ze3ZES5YIrU8VIwhXZ3KBWJOm
        jt+rS0Nj731P907MfuJ7J6lt4EXzS2EPLHK/KQaMI6S5vteWKtu6McrdlSHyrlvE
        yNxaaV8BWPafzU+tdyhiHL2a01uK0rufS+aKDAD3AoGAcfzdwjKvr8hjqmSiglnv
        /v3JVVV/LUceMbfcVvApVxT/J0GqZmPxLuSIMlByCttcY/cLTzC4lnd19IUaFlja
        OJDjXib+4EV4heDtRndL7Y7g0SGTDJI/M/fW2N5s+dcJ0Ozs5EumrPtTTCiW55GD
        zqLtD//V7qT/Lmz9i1aqy1Y=
        -----END PRIVATE KEY-----
        """
    public static let ed25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIL+ofpAbWeWJdAUqmJe2N0m/IUnFf9GuD2KgM032uRGf
        -----END PRIVATE KEY-----
        """
    public static let p256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs8jPGpZtHzqfKWhh
        S5GMVfLolSptxg0cx+/eLbmvWnShRANCAAT4zLIjGBj7FqaARu1R059p2kr/V2Nn
        eiQH5sWY03GXmwoHeN3hNrL3McAyGZfKnztDgdrCH8MrLwN2jMJ/ULlA
        -----END PRIVATE KEY-----
        """
}
