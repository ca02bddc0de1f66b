package main

// hostile are records that try to break what reads them, by name.
var hostile = map[string]string{
	"years":                created(`"eventTime":"0001-01-01T00:00:00Z"`, `"createdAt":"9999-12-31T23:59:59Z"`),
	"before epoch":         created(`"eventTime":"1969-01-01T00:00:00Z"`, `"createdAt":"1960-12-31T23:59:59Z"`),
	"no time":              created(`"eventTime":false`, `"createdAt":"soon"`),
	"times apart":          created(`"eventTime":"2026-01-01T00:00:00Z"`, `"createdAt":1`),
	"wrong types":          created(`"eventTime":"2026-01-01T00:00:00Z"`, `"tags":7,"logging":[],"resourcesVpcConfig":{"endpointPublicAccess":"perhaps","publicAccessCidrs":{"a":1}}`),
	"both off":             created(`"eventTime":"2026-01-01T00:00:00Z"`, `"resourcesVpcConfig":{"endpointPublicAccess":false,"endpointPrivateAccess":false}`),
	"private CIDR":         created(`"eventTime":"2026-01-01T00:00:00Z"`, `"resourcesVpcConfig":{"publicAccessCidrs":["10.0.0.0/8","::/0","1.2.3.4/8","0.0.0.0/0"]}`),
	"no update id":         changed(`"eventTime":"2026-01-01T00:00:00Z"`, ``),
	"no update id or time": changed(`"eventID":"x"`, ``),
	"odd update id":        changed(`"eventTime":"2026-01-01T00:00:00Z"`, `"id":"../../x"`),
	"failed update":        changed(`"eventTime":"2026-01-01T00:00:00Z"`, `"id":"11111111-2222-4333-8444-555555555555","status":"Failed"`),
	"odd region":           `{"eventSource":"eks.amazonaws.com","eventName":"CreateCluster","awsRegion":"a--","recipientAccountId":"000000000000","requestParameters":{"name":"x"}}`,
	"far region":           `{"eventSource":"eks.amazonaws.com","eventName":"CreateCluster","awsRegion":"us-iso-east-1","recipientAccountId":"111122223333","requestParameters":{"name":"x"}}`,
	"bad region":           `{"eventSource":"eks.amazonaws.com","eventName":"CreateCluster","awsRegion":"eu west\u202e","recipientAccountId":"111122223333","requestParameters":{"name":"x"}}`,
	"left out in part":     created(`"eventTime":"2026-01-01T00:00:00Z"`, `"resourcesVpcConfig":{"omitted":true}`),
	"left out of a change": askedFor(`{"omitted":true}`, `{"update":{"omitted":true}}`),
	"a broken text":        askedFor(`"{endpointPublicAccess=true"`, "null"),
	"wake-up":              `{"endpointguard":1,"wakeUp":{"cluster":"x","account":"111122223333","region":"eu-west-1"}}`,
	"bad wake-up":          `{"endpointguard":2}`,
	"number":               `7`,
	"null":                 `null`,
	"text":                 `"CreateCluster"`,
	"empty object":         `{}`,
}

func created(fields, cluster string) string {
	return `{"eventSource":"eks.amazonaws.com","eventName":"CreateCluster","awsRegion":"eu-west-1","recipientAccountId":"111122223333",` + fields +
		`,"requestParameters":{"name":"x"},"responseElements":{"cluster":{"name":"x",` + cluster + `}}}`
}

func changed(fields, update string) string {
	return `{"eventSource":"eks.amazonaws.com","eventName":"UpdateClusterConfig","awsRegion":"eu-west-1","recipientAccountId":"111122223333",` + fields +
		`,"requestParameters":{"name":"x","resourcesVpcConfig":{"endpointPublicAccess":true}},"responseElements":{"update":{` + update + `}}}`
}
