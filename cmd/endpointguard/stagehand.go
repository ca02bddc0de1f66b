package main

import (
	"fmt"
	"net/netip"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// maxReceives is how often the queue delivers a message before it goes to the
// dead letters.
const maxReceives = 5

// furnish makes what a deployment makes, but for the rule and the function.
func furnish(aws *localaws.AWS) error {
	if err := aws.CreateTable(tableName, ledger.PartitionKey, ledger.SortKey); err != nil {
		return err
	}
	if _, err := aws.CreateQueue(deadName, localaws.QueueOptions{}); err != nil {
		return err
	}
	if _, err := aws.CreateQueue(queueName, localaws.QueueOptions{DeadLetters: deadName, MaxReceives: maxReceives}); err != nil {
		return err
	}
	if _, err := aws.CreateTopic(topicName); err != nil {
		return err
	}
	aws.AddRole(guardrailKey, roleName, functionName)
	return nil
}

func roleARN(aws *localaws.AWS) string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", aws.Partition(), aws.Account(), roleName)
}

// accessOf is the endpoint access of a cluster. The embedded AWS holds no other
// CIDRs than those that it checked or that were prefixes before.
func accessOf(c localaws.Cluster) endpoint.Access {
	a := endpoint.Access{Public: c.Public, Private: c.Private}
	for _, text := range c.CIDRs {
		if p, err := netip.ParsePrefix(text); err == nil {
			a.CIDRs = append(a.CIDRs, p)
		}
	}
	return a
}
