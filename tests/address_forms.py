"""Ways to write an address that must not be asked, and addresses that may be."""

from __future__ import annotations

LOOPBACK = r"""127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 127.8.8.8 2130706433 0x7f000001
    0X7F000001 0x7f.0.0.1 0x7F.1 0x7f.0x0.0x0.0x1 127.0x1 017700000001 0177.0.0.1 0177.1
    0177.0x0.0.01 00000177.0.0.1 0x0000007f.0.0.1 127.000.000.001 0 00 0x0 0x 0.0 0.0.0.0
    0.1.2.3 127.65534 ①②⑦.⓪.⓪.① １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1 𝟏𝟐𝟕.𝟎.𝟎.𝟏 𝟶𝚡𝟽𝚏.𝟷
    ²¹³⁰⁷⁰⁶⁴³³ 127.0.­0.1 127.0.0.1​ ٠x7f.1 %31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.%31
    %6cocalhost 127.0.0.1%00.example.org 127.0.0.1%23.example.org [::1] [::] [0:0:0:0:0:0:0:1]
    [0000::0001] [::0.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:FFFF:7F00:0001]
    [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
    [64:ff9b:1::127.0.0.1] [64:ff9b:1:7f00:0:100::] [2002:7f00:1::] [2002:7f00:0001::1]
    [2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [2600::5efe:127.0.0.1]
    [2600:1:2:3:0:5efe:7f00:1] [2600:1:2:3:200:5efe:7f00:1] [::1%25lo] [::1%lo] [fe80::1%25eth0]
    [::1].example.org [127.0.0.1] [::ffff:127.1] [::１] localhost LOCALHOST localhost. ｌｏｃａｌｈｏｓｔ
    ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ℒocalhost a.localhost localhost.localdomain me@127.0.0.1 example.org@127.0.0.1
    example.org:80@127.0.0.1 me:word@localhost @127.0.0.1 example.org\@127.0.0.1
    127.0.0.1\.example.org 127.0.0.1\@example.org 127.0.0.1: 127..0.1 .127.0.0.1 127.0.0.1..""".split()
"""Hosts (a few with a user name before, or what pretends to be one) that lead to this machine, in
some reader's eyes at least.
"""

PRIVATE = """10.0.0.1 10.1 10.255.255.255 0xa.1 012.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1
    192.168.257 0xC0A80001 3232235521 169.254.169.254 2852039166 0xA9FEA9FE 0251.0376.0251.0376
    169.254.43518 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe]
    [2002:a9fe:a9fe::] [2002:c0a8:1::1] [2600::5efe:a00:1] 100.64.0.1 100.100.100.200
    168.63.129.16 192.0.0.192 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
    192.88.99.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 [fc00::1] [fd00:ec2::254]
    [fe80::1] [fec0::1] [ff02::1] [ff0e::1] [100::1] [5f00::1] [2001:db8::1] [3fff::1]
    [2001:2::1] [2001:10::1] [4000::1] [2620:4f:8000::1] metadata.google.internal printer.local
    router intranet wiki.corp nas.home.arpa hidden.onion""".split()
"""Hosts of this machine's network, of clouds' metadata services, and of no network at all."""

NO_URLS = (
    "http:127.0.0.1/ http:/127.0.0.1/ http:///127.0.0.1/ //127.0.0.1/ http:\\\\127.0.0.1\\"
    " http://\\127.0.0.1/ 127.0.0.1 https:/x file:///etc/passwd file://127.0.0.1/etc/passwd"
    " gopher://127.0.0.1:70/_x ftp://127.0.0.1/ dict://127.0.0.1:11211/stats ldap://x/"
    " data:text/html,x javascript:alert(1) jar:http://127.0.0.1!/x unix:///run/docker.sock"
    " ws://127.0.0.1/ http:// view-source:x http://? http://# http://:80/ http://[/ http://[]/"
    " http://[::1 http://a:b:c/ http://a.example:99999/ http://a.example:0/ http://a.example:８０/"
    " http://a.example:+80/ http://a.example:-1/ http://a.example:0x50/"
).split()
"""What is no http or https URL, or only seems to be one."""

ADDRESSES = """127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254
    100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
    255.255.255.255 168.63.129.16 ::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::7f00:1 2002:7f00:1:: 2002:a00:1::1
    2001:0:7f00:1:: 2001:0:4136:e378:8000:63bf:80ff:fffe 2600::5efe:7f00:1 2600::200:5efe:7f00:1
    fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 100::1 5f00::1 2001:db8::1
    3fff::1 not-an-address 127.0.0.1:80""".split()
"""Answers of a resolver that must not be connected to."""

PUBLIC = """1.1.1.1 8.8.8.8 9.9.9.9 93.184.215.14 140.82.121.3 151.101.1.69 185.15.59.224
    128.84.21.199 130.14.29.110 104.16.132.229 172.15.255.255 172.32.0.1 192.169.0.1
    100.63.255.255 100.128.0.1 11.0.0.1 169.253.1.1 198.17.255.255 198.20.0.1 223.255.255.254
    2606:4700:4700::1111 2001:4860:4860::8888 2620:fe::fe 2a02:ec80:300:ed1a::1
    2a00:1450:4001:81b::200e 2400:cb00:2048:1::6810:84e5 ::ffff:8.8.8.8 64:ff9b::808:808""".split()

NORMAL = """https://example.org https://example.org/ http://example.org/
    https://www.example.org:443/ http://example.org:80/x HTTPS://EXAMPLE.ORG/Path
    https://en.wikipedia.org/wiki/Tide https://en.wikipedia.org/wiki/AC/DC
    https://en.wikipedia.org/wiki/C%2B%2B https://de.wikipedia.org/wiki/Köln
    https://ja.wikipedia.org/wiki/日本 https://en.wikipedia.org/wiki/Gödel's_theorem
    https://en.wikipedia.org/wiki/Python_(language)#History https://arxiv.org/abs/1706.03762
    https://arxiv.org/pdf/1706.03762v7
    https://export.arxiv.org/api/query?search_query=all:electron&max_results=3
    https://doi.org/10.1000/182
    https://doi.org/10.1002/(SICI)1097-4571(199806)49:8%3C693::AID-ASI4%3E3.0.CO;2-O
    https://pubmed.ncbi.nlm.nih.gov/31978945/
    https://api.openalex.org/works?search=tide&per-page=5
    https://api.crossref.org/works?query=tide https://www.nature.com/articles/s41586-020-2649-2
    https://news.ycombinator.com/item?id=1
    https://stackoverflow.com/questions/11227809/why-is-it
    https://github.com/python/cpython/blob/main/Lib/ipaddress.py#L12-L40
    https://docs.python.org/3/library/ipaddress.html https://peps.python.org/pep-0008/
    https://münchen.de/ https://www.académie-française.fr/ https://xn--mnchen-3ya.de/
    https://例え.jp/ https://bücher.example.org/straße?q=ä https://a.b.c.d.e.example.org/
    https://foo--bar.example.org/ https://my_site.example.org/ https://1.example.org/
    https://0x7f.example.org/ https://127.0.0.1.example.org/ https://localhost.example.org/
    https://3com.com/ https://163.com/ https://1and1.example.org/ https://example.org./
    https://example.org?x=1 https://example.org/?url=http://127.0.0.1/ https://example.org/a@b
    https://example.org/?mail=a@b.example https://example.org/a%20b
    https://example.org/%E2%82%AC https://example.org/a;b=c,d https://example.org/~me/
    https://example.org/a//b https://example.org/?q=a+b&r=%26&s[]=1 https://1.1.1.1/
    https://[2606:4700:4700::1111]/ http://[2001:4860:4860::8888]:80/ https://8.8.8.8/dns-query
    https://www.bbc.co.uk/news/world-12345678
    https://web.archive.org/web/2020/https://example.org/
    https://medium.com/@someone/a-story-1234""".split()
"""URLs as people write them; all may be asked."""
