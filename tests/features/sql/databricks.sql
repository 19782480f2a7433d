-- a table read by the contract
SELECT
  NULLIF(CAST(`t0`.`account_id` AS STRING), '') AS `account_id`,
  LOWER(NULLIF(`t0`.`kind`, '')) AS `kind`,
  CAST(CAST(IF(
    REGEXP_LIKE(
      `t0`.`occurred_at`,
      '^([1-9]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|([1-9]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,9})?)?(Z|[+-](0\\d|1[0-3])(:?[0-5]\\d)?|[+-]14(:?00)?)?)?$'
    ),
    IF(
      (
        LENGTH(`t0`.`occurred_at`) > 16
      )
      AND (
        SUBSTRING(
          `t0`.`occurred_at`,
          IF((
            16 + 1
          ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`)),
          1
        ) <> ':'
      ),
      CONCAT(
        CONCAT(
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t0`.`occurred_at`)),
            16
          ),
          ':00'
        ),
        SUBSTRING(
          `t0`.`occurred_at`,
          IF((
            16 + 1
          ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`))
        )
      ),
      `t0`.`occurred_at`
    ),
    CAST(NULL AS STRING)
  ) AS TIMESTAMP) AS TIMESTAMP) AS `occurred_at`,
  COALESCE(
    CAST(CAST(IF(
      REGEXP_LIKE(
        `t0`.`occurred_at`,
        '^([1-9]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|([1-9]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,9})?)?(Z|[+-](0\\d|1[0-3])(:?[0-5]\\d)?|[+-]14(:?00)?)?)?$'
      ),
      IF(
        (
          LENGTH(`t0`.`occurred_at`) > 16
        )
        AND (
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              16 + 1
            ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`)),
            1
          ) <> ':'
        ),
        CONCAT(
          CONCAT(
            SUBSTRING(
              `t0`.`occurred_at`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t0`.`occurred_at`)),
              16
            ),
            ':00'
          ),
          SUBSTRING(
            `t0`.`occurred_at`,
            IF((
              16 + 1
            ) >= 1, 16 + 1, 16 + 1 + LENGTH(`t0`.`occurred_at`))
          )
        ),
        `t0`.`occurred_at`
      ),
      CAST(NULL AS STRING)
    ) AS TIMESTAMP) AS TIMESTAMP)
  ) AS `known_at`
FROM `raw` AS `t0`;

-- contracts as known
SELECT
  `t6`.`as_of`,
  `t6`.`contract_id`,
  `t6`.`account_id`,
  `t6`.`product`,
  `t6`.`start_date`,
  `t6`.`end_date`,
  `t6`.`arr`,
  `t6`.`seats`,
  `t6`.`auto_renew`,
  `t6`.`outcome`,
  `t6`.`decided_at`,
  `t6`.`reason`,
  `t6`.`known_at`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t4`.`as_of`,
      `t4`.`contract_id`,
      `t4`.`account_id`,
      `t4`.`product`,
      `t4`.`start_date`,
      `t4`.`end_date`,
      `t4`.`arr`,
      `t4`.`seats`,
      `t4`.`auto_renew`,
      `t4`.`outcome`,
      `t4`.`decided_at`,
      `t4`.`reason`,
      `t4`.`known_at`,
      ROW_NUMBER() OVER (
        PARTITION BY `t4`.`as_of`, `t4`.`contract_id`
        ORDER BY `t4`.`known_at` DESC, `t4`.`start_date` DESC
      ) - 1 AS `revision`
    FROM (
      SELECT
        `t2`.`as_of`,
        `t3`.`contract_id`,
        `t3`.`account_id`,
        `t3`.`product`,
        `t3`.`start_date`,
        `t3`.`end_date`,
        `t3`.`arr`,
        `t3`.`seats`,
        `t3`.`auto_renew`,
        `t3`.`outcome`,
        `t3`.`decided_at`,
        `t3`.`reason`,
        `t3`.`known_at`
      FROM `constants_0` AS `t2`
      INNER JOIN `contracts` AS `t3`
        ON `t3`.`known_at` < CAST(`t2`.`as_of` AS TIMESTAMP)
    ) AS `t4`
  ) AS `t5`
  WHERE
    `t5`.`revision` = 0
) AS `t6`;

-- distinct users in a window
SELECT
  `t17`.`account_id`,
  `t17`.`as_of`,
  SUM(IF(`t17`.`pattern` = '28d', `t17`.`n`, NULL)) AS `users_28d`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t15`.`account_id`,
      `t15`.`mask`,
      `t15`.`n`,
      `t4`.`as_of`,
      `t4`.`pattern`,
      `t4`.`inside`,
      `t4`.`outside`
    FROM (
      SELECT
        `t13`.`account_id`,
        `t13`.`mask`,
        COUNT(*) AS `n`
      FROM (
        SELECT
          `t12`.`account_id`,
          `t12`.`user_id`,
          BIT_OR(`t12`.`mask`) AS `mask`
        FROM (
          SELECT
            *
          FROM (
            SELECT
              `t10`.`account_id`,
              `t10`.`user_id`,
              `t10`.`feature`,
              `t10`.`occurred_at`,
              `t10`.`quantity`,
              `t10`.`duration_s`,
              `t10`.`active_users`,
              `t10`.`known_at`,
              `t10`.`day`,
              `t10`.`segment`,
              `t10`.`day_bit`,
              `t10`.`mask`
            FROM (
              SELECT
                `t9`.`account_id`,
                `t9`.`user_id`,
                `t9`.`feature`,
                `t9`.`occurred_at`,
                `t9`.`quantity`,
                `t9`.`duration_s`,
                `t9`.`active_users`,
                `t9`.`known_at`,
                `t9`.`day`,
                `t9`.`known_day`,
                `t9`.`window_day`,
                `t9`.`day_mask`,
                `t9`.`segment`,
                `t9`.`day_bit`,
                `t9`.`entered`,
                `t9`.`visible`,
                `t9`.`day_mask` & IF(`t9`.`known_day` > `t9`.`day`, COALESCE(`t9`.`visible`, 0), 4611686018427387903) AS `mask`
              FROM (
                SELECT
                  `t8`.`account_id`,
                  `t8`.`user_id`,
                  `t8`.`feature`,
                  `t8`.`occurred_at`,
                  `t8`.`quantity`,
                  `t8`.`duration_s`,
                  `t8`.`active_users`,
                  `t8`.`known_at`,
                  `t8`.`day`,
                  `t8`.`known_day`,
                  `t5`.`window_day`,
                  `t5`.`day_mask`,
                  `t5`.`segment`,
                  `t5`.`day_bit`,
                  `t6`.`entered`,
                  `t6`.`visible`
                FROM (
                  SELECT
                    `t1`.`account_id`,
                    `t1`.`user_id`,
                    `t1`.`feature`,
                    `t1`.`occurred_at`,
                    `t1`.`quantity`,
                    `t1`.`duration_s`,
                    `t1`.`active_users`,
                    `t1`.`known_at`,
                    CAST(`t1`.`occurred_at` AS DATE) AS `day`,
                    CAST(`t1`.`known_at` AS DATE) AS `known_day`
                  FROM `usage` AS `t1`
                ) AS `t8`
                INNER JOIN `constants_0` AS `t5`
                  ON `t8`.`day` = `t5`.`window_day`
                LEFT OUTER JOIN `constants_1` AS `t6`
                  ON `t8`.`known_day` = `t6`.`entered`
              ) AS `t9`
              WHERE
                (
                  `t9`.`day_mask` & IF(`t9`.`known_day` > `t9`.`day`, COALESCE(`t9`.`visible`, 0), 4611686018427387903)
                ) <> 0
            ) AS `t10`
          ) AS `t11`
          WHERE
            `t11`.`user_id` IS NOT NULL
        ) AS `t12`
        GROUP BY
          1,
          2
      ) AS `t13`
      GROUP BY
        1,
        2
    ) AS `t15`
    CROSS JOIN `constants_2` AS `t4`
  ) AS `t16`
  WHERE
    (
      `t16`.`mask` & `t16`.`inside`
    ) <> 0
    AND (
      `t16`.`mask` & `t16`.`outside`
    ) = 0
) AS `t17`
GROUP BY
  1,
  2;

-- distinct days in a window
SELECT
  `t17`.`account_id`,
  `t17`.`as_of`,
  SUM(IF(`t17`.`pattern` = '28d', `t17`.`days`, NULL)) AS `active_days_28d`
FROM (
  SELECT
    `t16`.`account_id`,
    `t16`.`as_of`,
    `t16`.`segment`,
    `t16`.`pattern`,
    (
      (
        (
          (
            (
              (
                (
                  (
                    (
                      (
                        (
                          `t16`.`days` & 6148914691236517205
                        ) + (
                          (
                            SHIFTRIGHT(`t16`.`days`, 1)
                          ) & 6148914691236517205
                        )
                      ) & 3689348814741910323
                    ) + (
                      (
                        SHIFTRIGHT(
                          (
                            (
                              `t16`.`days` & 6148914691236517205
                            ) + (
                              (
                                SHIFTRIGHT(`t16`.`days`, 1)
                              ) & 6148914691236517205
                            )
                          ),
                          2
                        )
                      ) & 3689348814741910323
                    )
                  ) & 1085102592571150095
                ) + (
                  (
                    SHIFTRIGHT(
                      (
                        (
                          (
                            (
                              `t16`.`days` & 6148914691236517205
                            ) + (
                              (
                                SHIFTRIGHT(`t16`.`days`, 1)
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ),
                              2
                            )
                          ) & 3689348814741910323
                        )
                      ),
                      4
                    )
                  ) & 1085102592571150095
                )
              ) & 71777214294589695
            ) + (
              (
                SHIFTRIGHT(
                  (
                    (
                      (
                        (
                          (
                            (
                              `t16`.`days` & 6148914691236517205
                            ) + (
                              (
                                SHIFTRIGHT(`t16`.`days`, 1)
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ),
                              2
                            )
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        SHIFTRIGHT(
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ),
                          4
                        )
                      ) & 1085102592571150095
                    )
                  ),
                  8
                )
              ) & 71777214294589695
            )
          ) & 281470681808895
        ) + (
          (
            SHIFTRIGHT(
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              `t16`.`days` & 6148914691236517205
                            ) + (
                              (
                                SHIFTRIGHT(`t16`.`days`, 1)
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ),
                              2
                            )
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        SHIFTRIGHT(
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ),
                          4
                        )
                      ) & 1085102592571150095
                    )
                  ) & 71777214294589695
                ) + (
                  (
                    SHIFTRIGHT(
                      (
                        (
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    SHIFTRIGHT(
                                      (
                                        (
                                          `t16`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            SHIFTRIGHT(`t16`.`days`, 1)
                                          ) & 6148914691236517205
                                        )
                                      ),
                                      2
                                    )
                                  ) & 3689348814741910323
                                )
                              ),
                              4
                            )
                          ) & 1085102592571150095
                        )
                      ),
                      8
                    )
                  ) & 71777214294589695
                )
              ),
              16
            )
          ) & 281470681808895
        )
      ) & 4294967295
    ) + (
      (
        SHIFTRIGHT(
          (
            (
              (
                (
                  (
                    (
                      (
                        (
                          (
                            (
                              `t16`.`days` & 6148914691236517205
                            ) + (
                              (
                                SHIFTRIGHT(`t16`.`days`, 1)
                              ) & 6148914691236517205
                            )
                          ) & 3689348814741910323
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ),
                              2
                            )
                          ) & 3689348814741910323
                        )
                      ) & 1085102592571150095
                    ) + (
                      (
                        SHIFTRIGHT(
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ),
                          4
                        )
                      ) & 1085102592571150095
                    )
                  ) & 71777214294589695
                ) + (
                  (
                    SHIFTRIGHT(
                      (
                        (
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    SHIFTRIGHT(
                                      (
                                        (
                                          `t16`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            SHIFTRIGHT(`t16`.`days`, 1)
                                          ) & 6148914691236517205
                                        )
                                      ),
                                      2
                                    )
                                  ) & 3689348814741910323
                                )
                              ),
                              4
                            )
                          ) & 1085102592571150095
                        )
                      ),
                      8
                    )
                  ) & 71777214294589695
                )
              ) & 281470681808895
            ) + (
              (
                SHIFTRIGHT(
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  `t16`.`days` & 6148914691236517205
                                ) + (
                                  (
                                    SHIFTRIGHT(`t16`.`days`, 1)
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ),
                                  2
                                )
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            SHIFTRIGHT(
                              (
                                (
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    SHIFTRIGHT(
                                      (
                                        (
                                          `t16`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            SHIFTRIGHT(`t16`.`days`, 1)
                                          ) & 6148914691236517205
                                        )
                                      ),
                                      2
                                    )
                                  ) & 3689348814741910323
                                )
                              ),
                              4
                            )
                          ) & 1085102592571150095
                        )
                      ) & 71777214294589695
                    ) + (
                      (
                        SHIFTRIGHT(
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t16`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        SHIFTRIGHT(`t16`.`days`, 1)
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    SHIFTRIGHT(
                                      (
                                        (
                                          `t16`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            SHIFTRIGHT(`t16`.`days`, 1)
                                          ) & 6148914691236517205
                                        )
                                      ),
                                      2
                                    )
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                SHIFTRIGHT(
                                  (
                                    (
                                      (
                                        (
                                          `t16`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            SHIFTRIGHT(`t16`.`days`, 1)
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        SHIFTRIGHT(
                                          (
                                            (
                                              `t16`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                SHIFTRIGHT(`t16`.`days`, 1)
                                              ) & 6148914691236517205
                                            )
                                          ),
                                          2
                                        )
                                      ) & 3689348814741910323
                                    )
                                  ),
                                  4
                                )
                              ) & 1085102592571150095
                            )
                          ),
                          8
                        )
                      ) & 71777214294589695
                    )
                  ),
                  16
                )
              ) & 281470681808895
            )
          ),
          32
        )
      ) & 4294967295
    ) AS `days`
  FROM (
    SELECT
      `t15`.`account_id`,
      `t15`.`as_of`,
      `t15`.`segment`,
      `t15`.`pattern`,
      BIT_OR(`t15`.`days`) AS `days`
    FROM (
      SELECT
        *
      FROM (
        SELECT
          `t13`.`account_id`,
          `t13`.`segment`,
          `t13`.`mask`,
          `t13`.`days`,
          `t4`.`as_of`,
          `t4`.`pattern`,
          `t4`.`inside`,
          `t4`.`outside`
        FROM (
          SELECT
            `t11`.`account_id`,
            `t11`.`segment`,
            `t11`.`mask`,
            BIT_OR(`t11`.`day_bit`) AS `days`
          FROM (
            SELECT
              `t10`.`account_id`,
              `t10`.`user_id`,
              `t10`.`feature`,
              `t10`.`occurred_at`,
              `t10`.`quantity`,
              `t10`.`duration_s`,
              `t10`.`active_users`,
              `t10`.`known_at`,
              `t10`.`day`,
              `t10`.`segment`,
              `t10`.`day_bit`,
              `t10`.`mask`
            FROM (
              SELECT
                `t9`.`account_id`,
                `t9`.`user_id`,
                `t9`.`feature`,
                `t9`.`occurred_at`,
                `t9`.`quantity`,
                `t9`.`duration_s`,
                `t9`.`active_users`,
                `t9`.`known_at`,
                `t9`.`day`,
                `t9`.`known_day`,
                `t9`.`window_day`,
                `t9`.`day_mask`,
                `t9`.`segment`,
                `t9`.`day_bit`,
                `t9`.`entered`,
                `t9`.`visible`,
                `t9`.`day_mask` & IF(`t9`.`known_day` > `t9`.`day`, COALESCE(`t9`.`visible`, 0), 4611686018427387903) AS `mask`
              FROM (
                SELECT
                  `t8`.`account_id`,
                  `t8`.`user_id`,
                  `t8`.`feature`,
                  `t8`.`occurred_at`,
                  `t8`.`quantity`,
                  `t8`.`duration_s`,
                  `t8`.`active_users`,
                  `t8`.`known_at`,
                  `t8`.`day`,
                  `t8`.`known_day`,
                  `t5`.`window_day`,
                  `t5`.`day_mask`,
                  `t5`.`segment`,
                  `t5`.`day_bit`,
                  `t6`.`entered`,
                  `t6`.`visible`
                FROM (
                  SELECT
                    `t1`.`account_id`,
                    `t1`.`user_id`,
                    `t1`.`feature`,
                    `t1`.`occurred_at`,
                    `t1`.`quantity`,
                    `t1`.`duration_s`,
                    `t1`.`active_users`,
                    `t1`.`known_at`,
                    CAST(`t1`.`occurred_at` AS DATE) AS `day`,
                    CAST(`t1`.`known_at` AS DATE) AS `known_day`
                  FROM `usage` AS `t1`
                ) AS `t8`
                INNER JOIN `constants_0` AS `t5`
                  ON `t8`.`day` = `t5`.`window_day`
                LEFT OUTER JOIN `constants_1` AS `t6`
                  ON `t8`.`known_day` = `t6`.`entered`
              ) AS `t9`
              WHERE
                (
                  `t9`.`day_mask` & IF(`t9`.`known_day` > `t9`.`day`, COALESCE(`t9`.`visible`, 0), 4611686018427387903)
                ) <> 0
            ) AS `t10`
          ) AS `t11`
          GROUP BY
            1,
            2,
            3
        ) AS `t13`
        CROSS JOIN `constants_2` AS `t4`
      ) AS `t14`
      WHERE
        (
          `t14`.`mask` & `t14`.`inside`
        ) <> 0
        AND (
          `t14`.`mask` & `t14`.`outside`
        ) = 0
    ) AS `t15`
    GROUP BY
      1,
      2,
      3,
      4
  ) AS `t16`
) AS `t17`
GROUP BY
  1,
  2;

-- the last of several
SELECT
  `t12`.`account_id`,
  `t12`.`as_of`,
  `t12`.`csm_last`,
  `t12`.`csm_age_days`,
  `t12`.`csm_mean_90d`,
  `t12`.`csm_mean_before`
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`as_of`,
    `t11`.`account_id` AS `account_id_right`,
    `t11`.`as_of` AS `as_of_right`,
    `t11`.`csm_last`,
    `t11`.`csm_age_days`,
    `t11`.`csm_mean_90d`,
    `t11`.`csm_mean_before`
  FROM `observed` AS `t2`
  LEFT OUTER JOIN (
    SELECT
      `t9`.`account_id`,
      `t9`.`as_of`,
      MAX(IF(`t9`.`newest` = 0, `t9`.`sentiment`, NULL)) AS `csm_last`,
      MIN(`t9`.`age_days`) AS `csm_age_days`,
      AVG(IF(`t9`.`age_days` <= 90, `t9`.`sentiment`, NULL)) AS `csm_mean_90d`,
      AVG(
        IF((
          `t9`.`age_days` > 90
        ) AND (
          `t9`.`age_days` <= 180
        ), `t9`.`sentiment`, NULL)
      ) AS `csm_mean_before`
    FROM (
      SELECT
        `t8`.`account_id`,
        `t8`.`as_of`,
        `t8`.`csm`,
        `t8`.`sentiment`,
        `t8`.`note`,
        `t8`.`logged_at`,
        `t8`.`known_at`,
        `t8`.`age_days`,
        ROW_NUMBER() OVER (
          PARTITION BY `t8`.`account_id`, `t8`.`as_of`
          ORDER BY `t8`.`logged_at` DESC, `t8`.`known_at` DESC, `t8`.`sentiment` ASC NULLS LAST
        ) - 1 AS `newest`
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t6`.`account_id`,
            `t6`.`as_of`,
            `t6`.`csm`,
            `t6`.`sentiment`,
            `t6`.`note`,
            `t6`.`logged_at`,
            `t6`.`known_at`,
            CAST(FLOOR(
              TRY_DIVIDE(UNIX_TIMESTAMP(CAST(CAST(`t6`.`as_of` AS TIMESTAMP) AS TIMESTAMP)), 86400)
            ) AS BIGINT) - CAST(FLOOR(TRY_DIVIDE(UNIX_TIMESTAMP(CAST(`t6`.`logged_at` AS TIMESTAMP)), 86400)) AS BIGINT) AS `age_days`
          FROM (
            SELECT
              `t5`.`account_id`,
              `t5`.`as_of`,
              `t3`.`csm`,
              `t3`.`sentiment`,
              `t3`.`note`,
              `t3`.`logged_at`,
              `t3`.`known_at`
            FROM (
              SELECT
                *
              FROM `observed` AS `t0`
            ) AS `t5`
            INNER JOIN `csm_sentiment` AS `t3`
              ON `t5`.`account_id` = `t3`.`account_id`
          ) AS `t6`
          WHERE
            `t6`.`known_at` < CAST(`t6`.`as_of` AS TIMESTAMP)
        ) AS `t7`
        WHERE
          `t7`.`age_days` > 0
      ) AS `t8`
    ) AS `t9`
    GROUP BY
      1,
      2
  ) AS `t11`
    ON `t2`.`account_id` = `t11`.`account_id` AND `t2`.`as_of` = `t11`.`as_of`
) AS `t12`;

-- a span of time
SELECT
  `t6`.`account_id`,
  `t6`.`as_of`,
  AVG(
    TRY_DIVIDE(
      CAST(CAST(UNIX_TIMESTAMP(CAST(DATE_TRUNC('second', `t6`.`first_response_at`) AS TIMESTAMP)) AS BIGINT) - CAST(UNIX_TIMESTAMP(CAST(DATE_TRUNC('second', `t6`.`opened_at`) AS TIMESTAMP)) AS BIGINT) AS DOUBLE),
      3600.0
    )
  ) AS `hours`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t4`.`account_id`,
      `t4`.`as_of`,
      `t2`.`ticket_id`,
      `t2`.`user_id`,
      `t2`.`opened_at`,
      `t2`.`priority`,
      `t2`.`first_response_at`,
      `t2`.`resolved_at`,
      `t2`.`contacts`,
      `t2`.`reopened`,
      `t2`.`satisfaction`,
      `t2`.`text`,
      `t2`.`known_at`
    FROM (
      SELECT
        *
      FROM `observed` AS `t0`
    ) AS `t4`
    INNER JOIN `tickets` AS `t2`
      ON `t4`.`account_id` = `t2`.`account_id`
  ) AS `t5`
  WHERE
    `t5`.`known_at` < CAST(`t5`.`as_of` AS TIMESTAMP)
) AS `t6`
GROUP BY
  1,
  2;

