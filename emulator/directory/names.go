package directory

// name is a person's name as written and as it stands in addresses.
type name struct{ written, ascii, language string }

var givenNames = []name{
	{"Anna", "anna", "de-DE"}, {"Łukasz", "lukasz", "pl-PL"}, {"Søren", "soren", "da-DK"}, {"José", "jose", "es-ES"},
	{"Zoë", "zoe", "nl-NL"}, {"Jürgen", "juergen", "de-DE"}, {"Chloé", "chloe", "fr-FR"}, {"Ayşe", "ayse", "tr-TR"},
	{"Björk", "bjork", "is-IS"}, {"Ștefan", "stefan", "ro-RO"}, {"Þóra", "thora", "is-IS"}, {"Nguyễn", "nguyen", "vi-VN"},
	{"娜", "na", "zh-CN"}, {"Ольга", "olga", "uk-UA"}, {"Γιώργος", "giorgos", "el-GR"}, {"さくら", "sakura", "ja-JP"},
	{"Grace", "grace", "en-GB"}, {"Matteo", "matteo", "it-IT"}, {"Priya", "priya", "en-IN"}, {"Emma", "emma", "en-US"},
	{"Liam", "liam", "en-IE"}, {"Noor", "noor", "nl-NL"}, {"Kwame", "kwame", "en-GB"}, {"Ingrid", "ingrid", "nb-NO"},
	{"Paweł", "pawel", "pl-PL"}, {"Márta", "marta", "hu-HU"}, {"Oliver", "oliver", "en-US"}, {"Fatima", "fatima", "fr-FR"},
	{"Tomáš", "tomas", "cs-CZ"}, {"Helena", "helena", "pt-PT"}, {"D'Arcy", "darcy", "en-GB"}, {"Jean-Luc", "jean-luc", "fr-FR"},
}

var surnames = []name{
	{written: "Schmidt", ascii: "schmidt"}, {written: "Müller", ascii: "mueller"}, {written: "Núñez", ascii: "nunez"}, {written: "O'Brien", ascii: "obrien"},
	{written: "Żółkiewski", ascii: "zolkiewski"}, {written: "Ærøskøbing", ascii: "aeroskobing"}, {written: "van der Berg", ascii: "vanderberg"}, {written: "李", ascii: "li"},
	{written: "Коваленко", ascii: "kovalenko"}, {written: "Παπαδόπουλος", ascii: "papadopoulos"}, {written: "田中", ascii: "tanaka"}, {written: "Smith", ascii: "smith"},
	{written: "Rossi", ascii: "rossi"}, {written: "García", ascii: "garcia"}, {written: "Dvořák", ascii: "dvorak"}, {written: "Kovács", ascii: "kovacs"},
	{written: "Johansson", ascii: "johansson"}, {written: "Østergård", ascii: "ostergard"}, {written: "Dubois", ascii: "dubois"}, {written: "Silva", ascii: "silva"},
	{written: "Patel", ascii: "patel"}, {written: "Okafor", ascii: "okafor"}, {written: "Trần", ascii: "tran"}, {written: "Yılmaz", ascii: "yilmaz"},
	{written: "Gunnarsdóttir", ascii: "gunnarsdottir"}, {written: "Ionescu", ascii: "ionescu"}, {written: "Novák", ascii: "novak"}, {written: "Weiß", ascii: "weiss"},
	{written: "Brown", ascii: "brown"}, {written: "Lefèvre", ascii: "lefevre"}, {written: "Haddad", ascii: "haddad"}, {written: "Wójcik", ascii: "wojcik"},
	{written: "Andersen", ascii: "andersen"}, {written: "Conti", ascii: "conti"}, {written: "Fernández", ascii: "fernandez"}, {written: "Keller", ascii: "keller"},
	{written: "Murphy", ascii: "murphy"}, {written: "Popescu", ascii: "popescu"}, {written: "Svoboda", ascii: "svoboda"}, {written: "Szabó", ascii: "szabo"},
}

var departments = []string{"Sales", "Finance", "Engineering", "Personnel", "Legal", "Logistics", "Research", "Support", "Marketing", "Purchasing"}

var titles = []string{"Analyst", "Engineer", "Manager", "Specialist", "Consultant", "Assistant", "Director", "Trainee", "Clerk", "Coordinator"}

var purposes = []string{"team", "project", "readers", "editors", "on call", "printers", "VPN", "newsletter"}

var partners = []string{"northwind.example", "fabrikam.example", "tailspin.example", "adatum.example"}

var places = []struct{ city, country, code string }{
	{"Berlin", "Germany", "DE"}, {"Wien", "Austria", "AT"}, {"Zürich", "Switzerland", "CH"}, {"Kraków", "Poland", "PL"},
	{"København", "Denmark", "DK"}, {"Lyon", "France", "FR"}, {"Málaga", "Spain", "ES"}, {"Dublin", "Ireland", "IE"},
}
