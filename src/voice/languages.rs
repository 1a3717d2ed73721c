//! Languages by their ISO 639-1 code (`en`), which is what engines speak of, and by the names that the protocol's
//! `verbose_json` has (`english`). The list is Whisper's.

/// The code of a language's English name; what is a code already, or unknown, stays as it is, in lower case.
pub fn code(language: &str) -> String {
    let lower = language.trim().to_lowercase();
    let known = NAMES.split_whitespace().find_map(|pair| {
        let (code, names) = pair.split_once('=')?;
        names.split('|').any(|name| name == lower.replace(' ', "_")).then(|| code.to_owned())
    });
    known.unwrap_or(lower)
}

/// The English name of a code; what is no code of the list stays as it is.
pub fn name(code: &str) -> String {
    let known = NAMES.split_whitespace().find_map(|pair| {
        let (known, names) = pair.split_once('=')?;
        (known == code).then(|| names.split('|').next().unwrap_or(names).replace('_', " "))
    });
    known.unwrap_or_else(|| code.to_owned())
}

const NAMES: &str = "
en=english zh=chinese|mandarin de=german es=spanish|castilian ru=russian ko=korean fr=french ja=japanese
pt=portuguese tr=turkish pl=polish ca=catalan|valencian nl=dutch|flemish ar=arabic sv=swedish it=italian
id=indonesian hi=hindi fi=finnish vi=vietnamese he=hebrew uk=ukrainian el=greek ms=malay cs=czech
ro=romanian|moldavian|moldovan da=danish hu=hungarian ta=tamil no=norwegian th=thai ur=urdu hr=croatian
bg=bulgarian lt=lithuanian la=latin mi=maori ml=malayalam cy=welsh sk=slovak te=telugu fa=persian lv=latvian
bn=bengali sr=serbian az=azerbaijani sl=slovenian kn=kannada et=estonian mk=macedonian br=breton eu=basque
is=icelandic hy=armenian ne=nepali mn=mongolian bs=bosnian kk=kazakh sq=albanian sw=swahili gl=galician
mr=marathi pa=punjabi|panjabi si=sinhala|sinhalese km=khmer sn=shona yo=yoruba so=somali af=afrikaans
oc=occitan ka=georgian be=belarusian tg=tajik sd=sindhi gu=gujarati am=amharic yi=yiddish lo=lao uz=uzbek
fo=faroese ht=haitian_creole|haitian ps=pashto|pushto tk=turkmen nn=nynorsk mt=maltese sa=sanskrit
lb=luxembourgish|letzeburgesch my=myanmar|burmese bo=tibetan tl=tagalog mg=malagasy as=assamese tt=tatar
haw=hawaiian ln=lingala ha=hausa ba=bashkir jw=javanese su=sundanese yue=cantonese
";

#[cfg(test)]
mod tests {
    use super::{code, name};

    #[test]
    fn names_become_codes_and_codes_stay() {
        for (given, code_) in [
            ("english", "en"),
            ("French", "fr"),
            ("haitian creole", "ht"),
            ("de", "de"),
            ("Klingon", "klingon"),
        ] {
            assert_eq!(code(given), code_);
        }
    }

    #[test]
    fn codes_become_names() {
        for (given, name_) in [("en", "english"), ("zh", "chinese"), ("ht", "haitian creole"), ("xx", "xx")] {
            assert_eq!(name(given), name_);
        }
    }
}
