//! EDF and BDF files made by hand.

/// One signal of a file.
pub(crate) struct Part {
    pub(crate) label: &'static str,
    pub(crate) units: &'static str,
    pub(crate) physical: (&'static str, &'static str),
    pub(crate) digital: (&'static str, &'static str),
    /// Samples of each data record.
    pub(crate) records: Vec<Vec<i32>>,
}

impl Part {
    /// A signal of 100 adu per mV with -50 adu at 0 mV, in records of two samples.
    pub(crate) fn new(label: &'static str, records: &[[i32; 2]]) -> Part {
        Part {
            label,
            units: "mV",
            physical: ("-1.5", "2.5"),
            digital: ("-200", "200"),
            records: records.iter().map(|record| record.to_vec()).collect(),
        }
    }

    pub(crate) fn annotations(label: &'static str, records: usize) -> Part {
        Part {
            units: "",
            physical: ("-1", "1"),
            digital: ("-32768", "32767"),
            ..Part::new(label, &vec![[0x2b30, 0x1414]; records])
        }
    }
}

/// A file of data records of a fortieth of a second. `reserved` is what says `EDF+C`.
pub(crate) fn edf(bdf: bool, reserved: &str, signals: &[Part]) -> Vec<u8> {
    let mut file = if bdf {
        b"\xffBIOSEMI".to_vec()
    } else {
        b"0       ".to_vec()
    };
    let field = |file: &mut Vec<u8>, text: &str, width: usize| {
        assert!(text.len() <= width, "{text}");
        file.extend(format!("{text:width$}").bytes());
    };
    let records = signals.first().map_or(0, |signal| signal.records.len());
    field(&mut file, "somebody", 80);
    field(&mut file, "somewhere", 80);
    field(&mut file, "24.11.25", 8);
    field(&mut file, "10.11.12", 8);
    field(&mut file, &(256 * (signals.len() + 1)).to_string(), 8);
    field(&mut file, reserved, 44);
    field(&mut file, &records.to_string(), 8);
    field(&mut file, "0.025", 8);
    field(&mut file, &signals.len().to_string(), 4);
    let mut column = |width: usize, text: &dyn Fn(&Part) -> String| {
        for signal in signals {
            field(&mut file, &text(signal), width);
        }
    };
    column(16, &|signal| signal.label.to_owned());
    column(80, &|_| "electrode".to_owned());
    column(8, &|signal| signal.units.to_owned());
    column(8, &|signal| signal.physical.0.to_owned());
    column(8, &|signal| signal.physical.1.to_owned());
    column(8, &|signal| signal.digital.0.to_owned());
    column(8, &|signal| signal.digital.1.to_owned());
    column(80, &|_| "HP:0.05Hz".to_owned());
    column(8, &|signal| signal.records[0].len().to_string());
    column(32, &|_| String::new());
    for record in 0..records {
        for sample in signals.iter().flat_map(|signal| &signal.records[record]) {
            file.extend(&sample.to_le_bytes()[..if bdf { 3 } else { 2 }]);
        }
    }
    file
}
