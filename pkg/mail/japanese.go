package mail

// What the headlines of several situations say in Japanese.
const (
	japaneseFoundInside = "EKS クラスター {cluster} のプライベートアクセスが無効です。ノードから Kubernetes API への通信が VPC の外に出ます。ポリシー違反です。"
	japaneseFixedInside = "是正しました。EKS クラスター {cluster} のプライベートアクセスは無効でした。ガードレールが有効にし、EKS が完了を確認しました。現在は{now}です。"
	japaneseTugOfWar    = "設定の戻し合い (tug of war) が起きています。EKS クラスター {cluster} の Kubernetes API エンドポイントが何度も公開され、ガードレールはそのつど元に戻しました({often})。現在は{now}です。"
	japaneseStillInside = "EKS クラスター {cluster} のプライベートアクセスはまだ無効です。ノードから Kubernetes API への通信が VPC の外に出ます。ポリシー違反です。"
	japaneseUndone      = "解消しました。EKS クラスター {cluster} の Kubernetes API エンドポイントは、ポリシーに準拠した状態に戻っています。{why}。現在は{now}です。"
)

var japanese = phrases{
	User: "{name}(IAM ユーザー)", Federated: "{name}(フェデレーテッドユーザー)", IdentityCenter: "{name}(IAM Identity Center ユーザー)",
	SSO: "{name}(SSO の {set} を使用)", AsRole: "{name}(role/{role} を引き受け)", Role: "role/{role}", Root: "ルートユーザー", Other: "{name}({type})",
	ServiceFor: "{service}({caller} の代理)", Nobody: "不明な呼び出し元",
	NotYetKnown: "不明。呼び出しの記録はまだありません。更新 ID は {update}", FoundByLooking: "不明。API 呼び出しの記録からではなく、クラスターの設定確認で検出しました",
	WithMFA: "あり", WithoutMFA: "なし", NoMFA: "MFA なし",

	Cluster: "クラスター", Account: "アカウント", Region: "リージョン", OpenNow: "公開状態", Who: "実行者", HeldUpBy: "待機の理由", OpenedBy: "公開した者", AskedBy: "要求した者", UndoneBy: "元に戻した者",
	ToDo: "対応", Since: "期間", ToWhom: "公開先", Severity: "重大度", Reference: "参照番号", Noticed: "検知日時", Endpoint: "アクセス設定",
	RulesLeft: "外れたルール", Tags: "タグ",
	Call: "API 呼び出し", From: "送信元", Tool: "ツール", MFA: "MFA", Event: "イベント ID", Update: "更新 ID", Agent: "UA",

	Critical: "緊急 (critical)", High: "高 (high)", Medium: "中 (medium)", Low: "低 (low)",

	PrivateOnly: "プライベートアクセスのみ", BothOff: "パブリックもプライベートも無効", OpenTo: "{whom}からのパブリックアクセス",
	OnlyTo: "プライベートアクセスと、{whom}に限定したパブリックアクセス", BothTo: "プライベートアクセスと、{whom}からのパブリックアクセス",
	WholeInternet: "インターネット全体", Blocks: "{n} 個の CIDR(最大は {widest})", PrivateOffToo: "(プライベートアクセスは無効)",
	AnswerAt: "{answer}({at} 時点)",
	YesOpen:  "公開中。{whom}からアクセスできます", BeingOpened: "まもなく公開。{whom}に公開する変更を EKS が処理しています", OnceReady: "未公開。クラスターの作成が完了すると{whom}に公開されます",
	PrivateIsOff: "公開範囲はポリシーの許可内ですが、プライベートアクセスが無効です", PrivateGoesOff: "公開範囲はポリシーの許可内ですが、プライベートアクセスが無効にされようとしています",
	YesAsSeen: "最後の確認時は公開中。{whom}からアクセスできました", NoOpen: "非公開。{now}です", NoWider: "限定公開。ポリシーが許可する{whom}だけに公開しています", NeverWas: "変更なし。違反する公開は行われていません。{now}です",
	NowAdmitted: "公開中。{whom}からアクセスできますが、現在のポリシーでは違反になりません", InsideAdmitted: "プライベートアクセスは無効ですが、現在のポリシーでは違反になりません", NoDeleted: "なし。クラスターは削除されました",

	Address4: "IPv4 アドレス 1 個", Addresses4: "IPv4 アドレス {n} 個", Addresses4And6: "IPv4 アドレス {n} 個と IPv6 ブロック {blocks} 個", Addresses6: "IPv6 ブロック {blocks} 個",
	WidestIs: "。最も広いブロックは {widest}", WouldHaveBeen: "なし。要求された公開先は{whom}", NowAndBefore: "現在は{now}。変更前は{before}",

	SoFar: "{from} から(現在まで {age})", AtMost: "{from} から {to} まで、最長 {age}", AskedAt: "{at} に要求", FoundAt: "開始時刻は不明。{at} に検出", NeverOpen: "適用されませんでした。{at} に要求",
	Between: "開始時刻は不明。{at} に検出。準拠を最後に確認したのは {before}", SinceNarrowed: "{from} から。{to} に公開範囲を縮小",
	Day: "1 日", Days: "{n} 日", Hour: "1 時間", Hours: "{n} 時間", Minute: "1 分", Minutes: "{n} 分", Shortly: "1 分未満",

	NotSeen: "不明。AWS がガードレールにクラスターの確認を許していません",
	DoAllow: "必要です。AWS が拒否している操作(「待機の理由」)を、ガードレールのロールとサービスコントロールポリシーで許可し、EKS コンソールでクラスターを確認してください({below})。ガードレールは確認を続け、是正できたらメールでお知らせします。",

	EKSSays:   "EKS が示した理由: {code}: {message}",
	EKSSilent: "EKS は理由を示していません。",

	Meanwhile: "その間に、ポリシー、ガードレールのモード、またはクラスターのタグが変わりました。{why}。元の状態に戻しても差し支えありません。",
	WhyPolicy: "現在のポリシーには、これを禁止するルールがありません", WhyExempt: "これを禁止するルールは、適用除外 (exemption) の対象になっています", WhyNoRule: "このクラスターを対象とするルールがなくなりました",

	TugPerHour: "1 時間以内に {n} 回", TugPerDays: "直近 7 日間のうち {n} 日", TugAnd: "、",
	WhyUndone: "ガードレールが対処する前に、誰かが元に戻しました", WhyDeleted: "クラスターは削除されました",
	WhyUnclear:     "結果が AWS から伝えられなかったガードレール自身の呼び出し、または他の誰かの呼び出しで元に戻りました",
	WhyUnconfirmed: "ガードレールが EKS に変更を依頼し、以後の確認ではそのとおりになっています。EKS がその更新の読み取りを許さないため、EKS による確認は取れていません",
	OursUnread:     "ガードレール(確認結果による)。更新 {update} は読み取れません(eks:DescribeUpdate)",
	OursOrTheirs:   "不明(ガードレールまたは他の誰か)",

	DoNothingYet: "現時点では不要です。", DoSeeRest: "必要です。残るものが意図したものかどうかを確認してください({below})。", DoFixFirst: "必要です。{fix}({below})。",
	WillAsk:    "EKS が変更を受け付けない状態です(クラスターの状態は {status})。受け付けられるようになりしだい、ガードレールが「{change}」への変更を要求します。",
	WillAskNew: "クラスターの作成中は EKS が変更を受け付けません。受け付けられるようになりしだい、ガードレールが「{change}」への変更を要求します。",
	WillRetry:  "ガードレールの更新が EKS 側で失敗しました({below})。ガードレールは「{change}」への変更を再び要求します。",
	HasAsked:   "ガードレールが「{change}」への変更を EKS に要求しました。",
	WillNot:    "それまでガードレールは何も変更しません。閉じるとノードが API に接続できなくなるおそれがあります。原因: {cause}。",
	RestAlert:  "この状態も、通知のみのルールに違反しています。",
	RestPlan:   "その後に残る違反は、通知のみのルールによるものなので、そのままです。",
	RestHeld:   "それ以上は変更しません。閉じるとノードが API に接続できなくなるおそれがあります。原因: {cause}。",
	SecondMail: "結果は次のメールでお知らせします。",
	PrivateToo: "プライベートアクセスも有効", NoChange: "変更なし",
	TakenBack:     "{at} のメールでは別の内容(「{change}」)をお知らせしていました。{why}。",
	SinceNetwork:  "その後に確認した VPC の設定から、ノードが API に接続できなくなるおそれがあるとわかりました",
	SinceAlerting: "その後、ガードレールのモードが alert になり、何も変更しなくなりました",
	SinceChanged:  "その後、クラスター、タグ、ポリシー、ガードレールのモード、または更新の履歴についてわかっていることが変わりました",
	DoWaitHeld:    "待てる場合は不要です。ガードレールが{when}「{change}」への変更を要求します。それまで待てない場合は、手動で{hand}必要があります({below})。",
	HeldUntil:     "、早ければ {at} に(待機中のクラスターが多ければ、それより後に)",
	HeldSometime:  "、およそ 1 時間以内に(待機中のクラスターが多ければ、それより後に)",
	DoDecideSoon:  "必要です。意図した変更かどうかを確認してください。ルールまたは動作モードが通知のみのため、ガードレールは何もしません。eks:UpdateClusterConfig の権限を持つ人が、クラスターが ACTIVE になってから(現在は {status})手動で閉じられます({below})。結果は次のメールでお知らせします。",
	DoLook:        "必要です。EKS コンソールでクラスターを確認してください。状態は {status} で、ACTIVE になるまでは誰も閉じられません({below})。ガードレールは少なくとも 15 分ごとに確認を続け、是正できたらメールでお知らせします。",
	DoLookActive:  "必要です。EKS コンソールでクラスターを確認し、公開されていれば手動で閉じてください({below})。ガードレールは確認を続け、是正できたらメールでお知らせします。",
	DoAsk:         "閉じる作業は不要です。実行者に目的を確認し、公開中に誰が API を使ったかを調べてください({below})。",
	DoReopen:      "閉じる作業は不要です。元の状態は現在許可されています。必要であれば再び公開してください({below})。",
	DoNothing:     "不要です。",
	DoNothingEver: "閉じる作業は不要です。要求した者に目的を確認してください。",
	DoDecideLeft:  "必要です。何が残っているかを確認し({below})、手動で閉じるか、ポリシーで許可してください。",
	DoDecide:      "必要です。手動で{hand}か({below})、ポリシーで許可してください。対応するまでこの状態が続きます。同じ内容のメールは送られませんが、日次ダイジェストに載り続けます。",
	DoDecideGrace: "構築中のクラスターであれば不要です。{at} にガードレールが自動で是正します。それまで待てない場合は、手動で{hand}必要があります({below})。",
	DoDecideRest:  "必要です。残る違反が意図したものかを確認し、そうでなければ手動で{hand}必要があります({below})。",
	DoFix:         "必要です。{fix}({below})。その後の定期確認で、ガードレールがエンドポイントを閉じます。手動では閉じないでください。同じようにノードが API に接続できなくなるおそれがあります。",
	DoByHand:      "必要です。手動で{hand}必要があります({below})。ガードレールは 1 時間後に、その後は間隔を延ばしながら少なくとも 1 日に 1 回は再試行し、成功したらメールでお知らせします。",
	DoByHandWhy:   "必要です。EKS が示した原因 ({code}) を取り除いてから、手動で{hand}必要があります({below})。ガードレールは 1 時間後に、その後は間隔を延ばしながら少なくとも 1 日に 1 回は再試行し、成功したらメールでお知らせします。",
	HandClose:     "閉じる", HandSwitch: "プライベートアクセスを有効にする",
	DoStopIt:         "必要です。誰が、または何が公開しているかを突き止めて({below})止めるか、ポリシーを変更してください。それまでガードレールはそのつどすぐに元に戻しますが、通知は日次ダイジェストのみになります。公開されたまま残るものは、これまでどおりメールでお知らせします。",
	DoNothingGone:    "閉じる作業は不要です。公開中に誰が API を使ったかを調べてください({below})。",
	DoCheckAllowed:   "必要です。誰が{what}を変更したか、意図した変更かどうかを確認してください。自動では閉じられません。手動で閉じる方法は{below}。",
	DoMaybeCheck:     "{what}の変更が意図したものであれば、不要です。",
	ChangedPolicy:    "ポリシーまたはクラスターのタグ",
	ChangedExempt:    "ポリシー(適用除外の追加)またはクラスターのタグ",
	ChangedScope:     "ポリシーまたはクラスターのタグ",
	DoRestoreTags:    "意図しない変更であれば必要です。タグを元に戻してください。",
	DoRestoreOrClose: "意図しない変更であれば必要です。タグを元に戻すとガードレールが閉じます。手動で閉じることもできます({below})。",
	TheTags:          "対象のタグ: {tags}", Below: "下記参照", InTheMail: "メール参照",

	Table: "アクセス", Private: "プライベート", Public: "パブリック", On: "有効", Off: "無効", Before: "変更前", AskedFor: "要求内容", FoundRow: "検出時", Now: "現在", Wanted: "是正後",
	Unknown: "不明", DidNotExist: "クラスターは存在しませんでした", Deleted: "削除済み", AndMore: "ほか {n} 個",

	WhoDidIt: "操作の記録", MoreCalls: "ほか {n} 件の呼び出し", LookUp: "記録の全体(コンソールの URL は 2 行をつなげたもの):", LookUpCard: "記録の全体:",
	RulesBroken: "違反していたルール", RulesLeftOpen: "違反しているルール", RulesNever: "適用されていれば違反したルール", WhatWasDone: "ガードレールの対応",
	WhyKept: "閉じられない理由と解決方法", MayBreak: "影響が出たおそれのあるもの", WouldBreak: "閉じると影響が出るおそれのあるもの",
	Reach: "現在の API への接続方法", PutBack: "要求どおりに再び公開するには(禁止されています。先にポリシーの変更が必要です)", CloseIt: "手動で閉じるには", SwitchOn: "プライベートアクセスを手動で有効にするには",
	Callers: "公開中に API を使った者",

	Enforce: "是正 (enforce)", Revert: "復元 (revert)", Alert: "通知のみ (alert)", Grace: "クラスターの作成直後のため、{at} までは通知のみです。",
	Hybrid:     "クラスターにハイブリッドノードがあるため、通知のみです。ルールに hybridNodes: enforce を指定すると是正します。",
	PrivateOff: "プライベートアクセスが無効です", PublicOn: "パブリックアクセスが有効です", OutsideAllowed: "{cidrs} の全部または一部が、許可された CIDR の範囲外です",
	TooWide: "{cidrs} は、ルールが許可するブロックの幅を超えています", FamilyNotAdmitted: "{cidrs} は、ルールが許可していないアドレスファミリーです",
	KeptWill:  "VPC 内のノードがプライベートエンドポイントを名前解決できないおそれがあるため、パブリックアクセスは変更しません。次の問題が解決すると、遅くともその後の定期確認でガードレールが閉じます。",
	KeptWhy:   "VPC 内のノードがプライベートエンドポイントを名前解決できないおそれがあるため、パブリックアクセスを変更していません。次の問題が解決すると、その後の定期確認でガードレールが閉じます。",
	WarnNodes: "ノードが API サーバーに接続できなくなるおそれがあります。{gap}。", WarnNoEffect: "プライベートアクセスが機能せず、ノードの通信が引き続き VPC の外に出るおそれがあります。{gap}。",
	WarnIngress: "VPC 内では API サーバーの名前がプライベートアドレスに解決されるため、踏み台、CI ランナー、セルフマネージドノードが接続できなくなるおそれがあります。{gap}。",
	GapOff:      "{vpc} の {name} が無効です", GapOptions: "{vpc} の DHCP オプションセット {options} に AmazonProvidedDNS が指定されていません",
	GapNoOptions: "{vpc} に、AmazonProvidedDNS を指定した DHCP オプションセットがありません", GapIngress: "クラスター外からの TCP 443 を許可するセキュリティグループがありません",
	GapUnknown: "{vpc} の {name} を読み取れませんでした", GapSome: "VPC の DNS 設定に問題があります", GapsMore: "(ほか {n} 件)",
	GapRead:    "ガードレールのロールに {actions} の権限が必要です。読み取れない設定は無効とみなします。",
	FixSupport: "{vpc} の DNS 解決 (enableDnsSupport) を有効にしてください", FixHostnames: "{vpc} の DNS ホスト名 (enableDnsHostnames) を有効にしてください",
	FixDNS: "AmazonProvidedDNS を指定した DHCP オプションセットを {vpc} に関連付けてください", FixRead: "ガードレールのロールに {actions} を許可してください", FixSome: "閉じられない原因を取り除いてください",
	FixLook: "現在の設定を確認するコマンド:", FixIfOff: "無効になっている場合:",
	FixOptions:   "オプションセットは変更できないため、新しいセットに置き換えます。元のセットのほかのオプションも新しいセットに含めてください。VPC 内のすべてのリソースの DNS サーバーが変わります。",
	FixOptionsIf: "AmazonProvidedDNS が指定されていなければ、新しいオプションセットに置き換えます。元のセットのほかのオプションも新しいセットに含めてください。VPC 内のすべてのリソースの DNS サーバーが変わります。",
	FixNoOptions: "VPC 内のすべてのリソースに DNS サーバーが設定されます。",
	FixIngress:   "FROM は API への接続が必要なネットワークです(例: FROM=10.0.0.0/16)。", Ingress: "TCP 443 のインバウンドルール",
	EKSBusy: "{from} から遅くとも {to} まで、EKS はこのクラスターに対するほかの変更(ノードグループの作成やクラスターの削除も含む)を受け付けませんでした。",
	Follows: "{ref}({before} の続き)",
	Attempt: "{at} 試行 {n}:「{access}」への変更を EKS に要求", Reverted: "(違反直前の設定)",
	NoAnswer: "。EKS の応答は不明", Refused: "。EKS が拒否", InProgress: "。更新 {update} が進行中", Finished: "。更新 {update} は {status}",
	OverLimit: "許可されているが、EKS の上限 (1 クラスターあたり {limit} 件) のため除外した CIDR: {cidrs}",
	Dropped:   "リストから除外または縮小した CIDR: {cidrs}", NothingDone: "何も変更していません。", OpenedLately: "最近公開した者: {who}",

	ReachFrom:     "{vpc} に接続されたネットワーク(VPN、Direct Connect、Transit Gateway)、VPC 内の踏み台ホスト、または CloudShell の VPC 環境から接続します。",
	ReachPort:     "{groups}で、接続元からの TCP 443 を許可する必要があります。",
	ReachIdentity: "クラスターに登録済みの IAM アイデンティティ(アクセスエントリまたは aws-auth)を使います。",
	ReachList:     "または、{whom} のアドレスから接続します。",
	ReachGroups:   "セキュリティグループ {groups} のいずれか", ReachGroup: "セキュリティグループ {groups} ", ReachUnknownGroup: "クラスターのセキュリティグループ",
	PutBackInside:     "元の設定に戻すには(禁止されています。先にポリシーの変更が必要です)",
	PutBackInsideWhy:  "プライベートアクセスが再び無効になりますが、先にポリシーで許可しないかぎり、ガードレールがまた有効にします。",
	PutBackAllowed:    "元の設定に戻すには(現在のポリシーでは許可されています)",
	PutBackAllowedWhy: "ポリシーまたはクラスターのタグが再び変わらないかぎり、ガードレールはそのままにします。",
	PutBackWhy:        "再び公開されますが、先にポリシーで許可しないかぎり、ガードレールがまた閉じます。",
	CloseWhy:          "許可されなくなった接続元は、ノードやパイプラインも含めて、ただちに API に接続できなくなります。プライベートエンドポイントに接続できることを先に確認してください。",
	SwitchOnWhy:       "VPC 内では API の名前がプライベートアドレスに解決されるようになります。VPC 内の利用者に TCP 443 が許可されていることを先に確認してください。",
	CloseOnceActive:   "EKS が受け付けるのは、クラスターが ACTIVE になってからです(現在は {status})。",
	Credentials:       "アカウント {account} の認証情報で実行してください。",

	HeldUpLine: "EKS の更新 {type} {update}({since} から。要求者: {who})", HeldUpUnknown: "不明",
	Rollback:  "ロールバックは、指定がなければ 12 時間、最長で 7 日かかります。",
	Cancel:    "ロールバックを取り消すコマンド",
	CancelWhy: "取り消せるのは、ノードのロールバック中だけです。EKS が変更を受け付けるようになりしだい、ガードレールは処理を続けます。",

	AuditOn:      "CloudWatch Logs Insights でロググループ {group} を選び、時間範囲を手動で、絶対時刻・UTC で {from} から {to} に設定してください。",
	AuditOff:     "誰にも分かりません。このクラスターは監査ログを CloudWatch Logs に送信していないため、後から調べることはできません。",
	AuditUnknown: "監査ログを CloudWatch Logs に送信しているかどうかは不明です。送信していれば、ロググループ {group} を {from} から {to} まで調べてください。",

	Left:     "タグの変更により、EKS クラスター {cluster} は下記の「是正を行うルール」の対象から外れました。",
	LeftSome: "ほかのルールによる是正は続きます。",
	LeftAll:  "このクラスターを是正するルールはもうありません。Kubernetes API エンドポイントが公開されても、閉じられません。",
	LeftOpen: "このクラスターを是正するルールはもうありません。Kubernetes API エンドポイントは{whom}に公開されていますが、自動では閉じられません。",

	TagsRemoved: "削除: {tags}", TagsSet: "設定: {tags}",

	Late:          "遅延: このメールは {at} に送るはずでしたが、{now} まで SNS トピックがこのクラスターのメールを受け付けませんでした。",
	LateMore:      "このクラスターの遅延メールは、ほかに {n} 通続きます。",
	LateGone:      "クラスターはその後削除されました。",
	LateUnseen:    "クラスターを確認できなかったため、現在の状態は不明です。",
	LateSame:      "{now} の時点で解消していません。クラスターは{state}です。",
	LateOver:      "解消しています。{now} の時点でクラスターは{state}で、どのルールにも違反しておらず、{since} の時点でもそうでした。",
	LateIs:        "{now} の時点でクラスターは{state}で、どのルールにも違反していません。",
	LateNow:       "{now} の時点でクラスターは{state}です。",
	LateAgain:     "しかし {now} の時点で、クラスターは再びポリシーに違反しています。{state}です。参照番号: {ref}。",
	LateWork:      "{now} の時点でクラスターは{state}で、ガードレールが確認を続けています(参照番号: {ref})。",
	LateSaid:      "このメールで伝えるはずだった内容: {said}",
	LateUnknown:   "不明。クラスターを確認できませんでした。送信予定の時点では: {said}",
	LateUnsure:    "{now} の確認では{state}で、どのルールにも違反していません。ただし、EKS の更新履歴による確認がまだ取れていないため、解消したとは言い切れません。",
	LateMaybe:     "確定していません。確認では{state}です",
	DoLookLate:    "必要です。EKS コンソールでクラスターを確認してください。このメールの内容はすでに解消している可能性があります。",
	DoSeeOther:    "必要です。現在の違反についてのメール(参照番号: {ref})を確認してください。このメールの内容は解消しています。",
	DoNothingLate: "閉じる作業は不要です。",
	DoTagsBack:    "不要です。現在は再びルールの対象になっています。",
	Backlog:       "EKS クラスター {cluster} について、送れなかったメールが {n} 通続き、すべてをそのまま保持する余地がありませんでした。このメールはその一覧です。最初の数通はこの前に、最後の数通はこの後に届きます。",
	BacklogList:   "伝えるはずだった内容",
	BacklogLine:   "{ref}: {what}、{at}。{since} から、{who}",
	Unlisted:      "{from} から {to} までに、ほかに {n} 通。余地がないため一覧にはありません (not listed)",
	Brake:         "ブレーキ (brake) が作動しています。多数のクラスターが同時にポリシーに違反しています。ポリシーの誤りで全社のクラスターが閉じられることのないよう、ガードレールが 1 時間に変更するのは 1 リージョンあたり {limit} クラスターまでです。さらに {n} クラスターが待機しています。",
	BrakeOpen:     "公開中。{n} クラスターがポリシーに違反したまま待機中で、うち {world} クラスターがインターネット全体に公開されています",
	BrakeToDo:     "必要です。ルールが意図どおりかどうかを判断し、待機を解除するか、停止してください(末尾参照)。",
	BrakeByRule:   "ルール別", BrakeWaiting: "待機中のクラスター", BrakeRule: "ルール「{rule}」: {n} クラスターが待機", BrakeRuleOne: "ルール「{rule}」: {n} クラスターが待機", BrakeMore: " ほか {n} 個", BrakeDo: "選べる対応",
	BrakeDoNothing: "ルールが意図どおりなら、待つこともできます。1 時間に最大 {limit} クラスターが、公開されたばかりのものから順に変更されます。",
	BrakeDoRelease: "すべてを一度に進めるには、これまでと同じデプロイに -c brake=0(無制限)を付けて実行し、後でこれを外して再度デプロイしてください。",
	BrakeDoStop:    "停止するには、これまでと同じデプロイに -c mode=alert を付けて実行してください。以後は何も変更されません。その後、ポリシーを修正してデプロイしてください。",

	TestMail: "これはテストメールです。何も起きていません。ガードレールの関数を呼び出せる人が {at} に送信を依頼しました。",
	TestDo:   "対応は不要です。メールが届いたことを、テストを予告した人に伝えてください。",

	Digest:     "アカウント {account}、リージョン {region}、{day}(UTC)の状況です。ポリシーに違反したまま対処されないもの {standing}、是正中 {open}、戻し合い {tug}、適用除外 {exempt}、対象外 {aside}。",
	DigestOpen: "是正中: ガードレールが対応しています({n})", DigestStanding: "未解決: ガードレールはこれ以上対応しません({n})", DigestTug: "戻し合い: 公開と復元が繰り返されています({n})",
	DigestFailed: "EKS 側で変更に失敗: 手動で閉じてください({n})", DigestBlocked: "保留: VPC の DNS 設定を直してください。手動では閉じないでください({n})",
	DigestPartly: "一部を是正: 残りを確認してください({n})", DigestAlert: "通知のみ: 手動で閉じるか、ポリシーで許可してください({n})",
	DigestExempt: "適用除外({n})", DigestEnding: "7 日以内に終了する適用除外({n})", DigestAside: "種類により対象外({n})",
	DigestOpenLine: "{cluster}: 重大度 {severity}、公開から {age}、{stage}、{ref}", DigestStandingLine: "{cluster}: 重大度 {severity}、{age}継続、{rules}、{ref}",
	DigestTugLine: "{cluster}: 直近 24 時間に {n} 回元に戻しました。最後は {at}", DigestExemptLine: "{exemption}({at} まで): {clusters}",
	DigestEndingLine: "{exemption}: {at} に終了し、以後はルールが再び適用されます",
	DigestOutposts:   "Outposts のローカルクラスター(もともとプライベート): {clusters}", DigestConnected: "接続されたクラスター(EKS のエンドポイントなし): {clusters}",
	DigestHybrid:  "ハイブリッドノードのあるクラスター(違反したルールに hybridNodes: enforce がなく、名前やタグでも指定していないため通知のみ): {clusters}",
	StageDetected: "検出済み", StageWaiting: "EKS が変更を受け付けるのを待機中", StageUpdating: "EKS が元に戻す処理中", StageStuck: "停滞 (STUCK)", StageHeld: "ブレーキにより待機中",
	DigestToday: "日付", DigestBySeverity: "重大度別: {severities}",
	DigestByRule: "ルール別: {rules}", DigestMore: "ほか {n} 個", DigestUnreadable: "台帳の {n} 件の記録を読み取れず、ここには含まれていません。関数のログを参照してください。",
	DigestCount: "{rule} {n} 件", DigestNothing: "不要です。", DigestDo: "必要です。", DigestDoAnd: "。", DigestDoEnd: "。",
	DigestDoFailed: "EKS 側で変更に失敗({n}): 手動で閉じる(コマンドと EKS の理由は各メールを参照)", DigestDoBlocked: "保留({n}): VPC の DNS 設定を直す。その後ガードレールが閉じます(コマンドは各メールを参照。手動で閉じるとノードが接続できなくなるおそれがあります)",
	DigestDoPartly: "一部を是正({n}): 残りを確認する", DigestDoAlert: "通知のみ({n}): 手動で閉じるか、ポリシーで許可する", DigestDoStuck: "停滞({n}): クラスターを確認する", DigestDoTug: "戻し合い({n}): 公開している者を止める",

	SignedPlain: "Endpoint Guard {version}", Signed: "Endpoint Guard {version}、ポリシー {policy}",

	Headlines: [situations]headline{
		beingOpened: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントを{whom}に公開する変更が行われています。ポリシー違反です。",
			Inside: "EKS クラスター {cluster} のプライベートアクセスを無効にする変更が行われています。ノードから Kubernetes API への通信が VPC の外に出るようになります。ポリシー違反です。",
		},
		creating: {
			Open:   "EKS クラスター {cluster} が、Kubernetes API エンドポイントを{whom}に公開する設定で作成されています。ポリシー違反です。",
			Inside: japaneseFoundInside,
		},
		creatingGraced: {
			Open:   "EKS クラスター {cluster} が、Kubernetes API エンドポイントを{whom}に公開する設定で作成されています。作成直後の猶予期間が終わるとポリシー違反になり、{at} にガードレールが「{change}」への変更を要求します。",
			Inside: japaneseFoundInside,
		},
		creatingLater: {
			Open:   "EKS クラスター {cluster} が、Kubernetes API エンドポイントを{whom}に公開する設定で作成されています。ポリシー違反です。作成直後の猶予期間が終わる {at} に、ガードレールが「{change}」への変更を要求します。",
			Inside: japaneseFoundInside,
		},
		found: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントが{whom}に公開されています。ポリシー違反です。",
			Inside: japaneseFoundInside,
		},
		foundHeld: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントが{whom}に公開されています。ポリシー違反ですが、直近 1 時間に変更したクラスターが多いため、ブレーキ (brake) によりガードレールは変更を見合わせています。",
			Inside: japaneseFoundInside,
		},

		stuck: {
			Open: "EKS クラスター {cluster} の Kubernetes API エンドポイントはポリシーに違反していますが、ガードレールは {age}にわたって是正できていません(最後の確認時の公開先は{whom})。",
		},
		stuckRefused: {
			Open: "EKS クラスター {cluster} の Kubernetes API エンドポイントは、把握できている限りではポリシーに違反しています。必要な操作が AWS に拒否されているため、ガードレールは {age}にわたって是正できていません。",
		},

		enforcedClosed: {
			Open:   "閉じました。EKS クラスター {cluster} の Kubernetes API エンドポイントは{whom}に公開されていました。ガードレールが設定を変更し、EKS が完了を確認しました。現在は{now}です。",
			Inside: japaneseFixedInside,
		},
		enforcedNarrowed: {
			Open:   "是正しました。EKS クラスター {cluster} の Kubernetes API エンドポイントは{whom}に公開されていました。ガードレールが設定を変更し、EKS が完了を確認しました。現在は{now}です。",
			Inside: japaneseFixedInside,
		},
		partlyEnforced: {
			Open: "一部を是正しました。EKS クラスター {cluster} の Kubernetes API エンドポイントは{whom}に公開されていました。ガードレールは、是正を行うルールに従って変更しました。現在は{now}ですが、通知のみのルールにはまだ違反しています。",
		},
		partlyHeld: {
			Open: "まだ公開中です。EKS クラスター {cluster} のプライベートアクセスは有効になりましたが、Kubernetes API エンドポイントは{whom}に公開されたままです。ポリシー違反ですが、今閉じるとノードが API に接続できなくなるおそれがあります。原因: {cause}。",
		},
		tugOfWar: {
			Open: japaneseTugOfWar,
		},
		tugOfWarPartly: {
			Open: japaneseTugOfWar,
		},
		violation: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントが{whom}に公開されています。ポリシー違反ですが、該当するルールまたは動作モードが通知のみのため、ガードレールは変更しておらず、今後も変更しません。",
			Inside: japaneseStillInside,
		},
		violationGraced: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントが{whom}に公開されています。作成直後の猶予期間が終わるとポリシー違反になり、{at} にガードレールが「{change}」への変更を要求します。",
			Inside: japaneseStillInside,
		},
		violationLater: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントが{whom}に公開されています。ポリシー違反です。作成直後の猶予期間が終わる {at} に、ガードレールが「{change}」への変更を要求します。",
			Inside: japaneseStillInside,
		},
		blocked: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントは、まだ{whom}に公開されています。ポリシー違反ですが、今閉じるとノードが API に接続できなくなるおそれがあるため、何も変更していません。原因: {cause}。",
			Inside: japaneseStillInside,
		},
		failed: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントは、まだ{whom}に公開されています。ポリシー違反ですが、閉じるための更新がすべて EKS 側で失敗しました。",
			Inside: japaneseStillInside,
		},
		undone: {
			Open: japaneseUndone,
		},
		undoneUnclear: {
			Open: japaneseUndone,
		},
		unconfirmedClosed: {
			Open: japaneseUndone,
		},
		unconfirmedNarrowed: {
			Open: japaneseUndone,
		},
		neverOpened: {
			Open:   "公開されませんでした。EKS クラスター {cluster} の Kubernetes API エンドポイントを{whom}に公開する変更が要求されましたが、EKS はこれを適用しませんでした。以前と同じ{now}です。",
			Inside: "適用されませんでした。EKS クラスター {cluster} のプライベートアクセスを無効にする変更が要求されましたが、EKS はこれを適用しませんでした。以前と同じ{now}です。",
		},
		clusterGone: {
			Open: "終了しました。Kubernetes API エンドポイントがポリシーに違反していた EKS クラスター {cluster} は削除されました。",
		},
		allowed: {
			Open:   "EKS クラスター {cluster} の Kubernetes API エンドポイントは、検出時と同じく{whom}に公開されていますが、ガードレールは変更しません。{why}。",
			Inside: "EKS クラスター {cluster} のプライベートアクセスは、検出時と同じく無効ですが、ガードレールは変更しません。{why}。",
		},
		allowedElse: {
			Open: "EKS クラスター {cluster} の Kubernetes API エンドポイントは現在{now}で、ガードレールは変更しません。{why}。",
		},
	},
}
