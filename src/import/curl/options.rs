//! Which options curl has, and which of them take a value. Pure.

/// Long options with a value.
const TAKES: &str = " abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout connect-to continue-at cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary data-raw data-urlencode delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header ech egd-file engine etag-compare etag-save expect100-timeout form form-string ftp-account ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip header help hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway json keepalive-cnt keepalive-time key key-type krb libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output output-dir parallel-max pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file range rate referer request request-target resolve retry retry-delay retry-max-time sasl-authzid service-name sigalgs socks4 socks4a socks5 socks5-gssapi-service socks5-hostname speed-limit speed-time stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii trace-config unix-socket upload-file url url-query user user-agent variable vlan-priority write-out ";

/// Long options without one.
const BARE: &str = " anyauth append basic ca-native cert-status compressed compressed-ssh create-dirs crlf digest disable disable-eprt disable-epsv disallow-username-in-url doh-cert-status doh-insecure fail fail-early fail-with-body false-start form-escape ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-control get globoff haproxy-protocol head http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only ignore-content-length include insecure ipv4 ipv6 junk-session-cookies list-only location location-trusted mail-rcpt-allowfails manual metalink negotiate netrc netrc-optional next no-alpn no-buffer no-clobber no-keepalive no-npn no-progress-meter no-sessionid ntlm ntlm-wb out-null parallel parallel-immediate path-as-is post301 post302 post303 progress-bar proxy-anyauth proxy-basic proxy-digest proxy-http2 proxy-insecure proxy-negotiate proxy-ntlm proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 proxytunnel raw remote-header-name remote-name remote-name-all remote-time remove-on-error retry-all-errors retry-connrefused sasl-ir show-error show-headers silent skip-existing socks5-basic socks5-gssapi socks5-gssapi-nec ssl ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort sslv2 sslv3 styled-output suppress-connect-headers tcp-fastopen tcp-nodelay tftp-no-options tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace-time use-ascii verbose version xattr ";

/// Short options with a value, and what they are called.
const SHORT: [(char, &str); 27] = [
    ('A', "user-agent"),
    ('C', "continue-at"),
    ('D', "dump-header"),
    ('E', "cert"),
    ('F', "form"),
    ('H', "header"),
    ('K', "config"),
    ('P', "ftp-port"),
    ('Q', "quote"),
    ('T', "upload-file"),
    ('U', "proxy-user"),
    ('X', "request"),
    ('Y', "speed-limit"),
    ('b', "cookie"),
    ('c', "cookie-jar"),
    ('d', "data"),
    ('e', "referer"),
    ('h', "help"),
    ('m', "max-time"),
    ('o', "output"),
    ('r', "range"),
    ('t', "telnet-option"),
    ('u', "user"),
    ('w', "write-out"),
    ('x', "proxy"),
    ('y', "speed-time"),
    ('z', "time-cond"),
];

/// Short options without one that say something about the request.
const SHORT_BARE: [(char, &str); 8] = [
    ('G', "get"),
    ('I', "head"),
    ('L', "location"),
    ('g', "globoff"),
    ('k', "insecure"),
    ('n', "netrc"),
    ('0', "http1.0"),
    (':', "next"),
];

/// An option by its whole name, and whether it takes a value; of one that nobody knows nothing.
pub(super) fn long(name: &str) -> Option<(&'static str, bool)> {
    let find = |list: &'static str, exact: bool| -> Vec<&'static str> {
        list.split(' ')
            .filter(|known| {
                !known.is_empty()
                    && if exact {
                        *known == name
                    } else {
                        known.starts_with(name)
                    }
            })
            .collect()
    };
    for (list, takes) in [(TAKES, true), (BARE, false)] {
        if let [only] = find(list, true)[..] {
            return Some((only, takes));
        }
    }
    // curl takes the beginning of a name that fits one option.
    match (&find(TAKES, false)[..], &find(BARE, false)[..]) {
        ([only], []) => Some((only, true)),
        ([], [only]) => Some((only, false)),
        _ => None,
    }
}

/// A short option by its long name; the empty one says nothing about the request.
pub(super) fn short(letter: char) -> (&'static str, bool) {
    let find = |list: &[(char, &'static str)]| {
        list.iter()
            .find(|(known, _)| *known == letter)
            .map(|(_, name)| *name)
    };
    match (find(&SHORT), find(&SHORT_BARE)) {
        (Some(name), _) => (name, true),
        (None, Some(name)) => (name, false),
        (None, None) => ("", false),
    }
}
