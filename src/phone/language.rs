//! The languages an agent can speak and understand on calls, as BCP 47 tags.

use crate::words;

words! {
    /// A language and its region.
    Language {
        AfZa = "af-ZA", ArSa = "ar-SA", AzAz = "az-AZ", BgBg = "bg-BG", BsBa = "bs-BA", CaEs = "ca-ES",
        CsCz = "cs-CZ", CyGb = "cy-GB", DaDk = "da-DK", DeDe = "de-DE", ElGr = "el-GR", EnAu = "en-AU",
        EnGb = "en-GB", EnIn = "en-IN", EnNz = "en-NZ", EnUs = "en-US", Es419 = "es-419", EsEs = "es-ES",
        FaIr = "fa-IR", FiFi = "fi-FI", FilPh = "fil-PH", FrCa = "fr-CA", FrFr = "fr-FR", GlEs = "gl-ES",
        HeIl = "he-IL", HiIn = "hi-IN", HrHr = "hr-HR", HuHu = "hu-HU", HyAm = "hy-AM", IdId = "id-ID",
        IsIs = "is-IS", ItIt = "it-IT", JaJp = "ja-JP", KkKz = "kk-KZ", KnIn = "kn-IN", KoKr = "ko-KR",
        LtLt = "lt-LT", LvLv = "lv-LV", MkMk = "mk-MK", MrIn = "mr-IN", MsMy = "ms-MY", NeNp = "ne-NP",
        NlBe = "nl-BE", NlNl = "nl-NL", NoNo = "no-NO", PlPl = "pl-PL", PtBr = "pt-BR", PtPt = "pt-PT",
        RoRo = "ro-RO", RuRu = "ru-RU", SkSk = "sk-SK", SlSi = "sl-SI", SrRs = "sr-RS", SvSe = "sv-SE",
        SwKe = "sw-KE", TaIn = "ta-IN", ThTh = "th-TH", TrTr = "tr-TR", UkUa = "uk-UA", UrIn = "ur-IN",
        ViVn = "vi-VN", YueCn = "yue-CN", ZhCn = "zh-CN",
    }
}
