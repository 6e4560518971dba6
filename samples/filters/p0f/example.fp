; Signatures of SYNs in the syntax of p0f version 3, written for this sample from packets of the systems named; not p0f's database.
; ./compile example.fp > signatures.h makes the program's part of it. Only [tcp:request] is of use to a filter that looks at SYNs.
;
; sig = version:ttl:size of IP options:mss:window,scale:options:quirks:payload

classes = unix,win,other

[tcp:request]

label = g:unix:Linux:
sig   = *:64:0:*:mss*20,*:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:4.20 and newer
sig   = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+,ecn:0

label = s:win:Windows:10 and 11
sig   = *:128:0:*:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:win:Windows:7
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:unix:macOS:
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0

label = s:unix:FreeBSD:
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0

; A scanner's time to live is random, so what arrives says nothing of the distance.
label = s:!:scanner:SYN
sys   = @unix,@win
sig   = 4:64-:0:1460:1024,0:mss::0

; Small stacks that show the rest of the syntax.
label = s:other:example:window in units of its MTU
sig   = *:255:0:*:mtu*4,0:mss,nop,nop,sok:df:0

label = s:other:example:window in units of 512 and sends data at once
sig   = *:64:0:*:%512,*:mss,ws,sok,eol+0:id-:+

label = s:other:example:IPv6 with a flow label
sig   = 6:64:0:*:mss*16,3:mss,sok,ts,nop,ws:flow,ts1-:*

label = s:other:example:with IP options and old bugs
sig   = 4:255:4:536:*,0:mss,sack,nop,nop:0+,seq-,ack+,uptr+,pushf+,opt+:0

label = g:other:no options:
sig   = *:64:0:*:4096,0::df,id+:*

label = s:other:example:options without a name
sig   = *:64:0:*:8192,*:mss,?30,nop,?253:df,id+:0

label = s:other:example:seen 10 hops away
sig   = 4:54+10:0:1400:*,0:mss,sok:df:0

label = s:other:example:malformed options
sig   = *:64:0:1460:4096,0:mss,nop,nop:df,bad:0
