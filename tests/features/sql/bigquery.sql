-- a table read by the contract
SELECT
  NULLIF(CAST(`t0`.`account_id` AS STRING), '') AS `account_id`,
  LOWER(NULLIF(`t0`.`kind`, '')) AS `kind`,
  CAST(CAST(IF(
    REGEXP_CONTAINS(
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
  ) AS TIMESTAMP) AS DATETIME) AS `occurred_at`,
  COALESCE(
    CAST(CAST(IF(
      REGEXP_CONTAINS(
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
    ) AS TIMESTAMP) AS DATETIME)
  ) AS `known_at`
FROM `raw` AS `t0`;

-- contracts as known
SELECT
  `t6`.*
  EXCEPT (`revision`)
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
        ON `t3`.`known_at` < CAST(`t2`.`as_of` AS DATETIME)
    ) AS `t4`
  ) AS `t5`
  WHERE
    `t5`.`revision` = 0
) AS `t6`;

-- distinct users in a window
SELECT
  `t15`.`account_id`,
  `t15`.`as_of`,
  SUM(CAST((
    `t15`.`word` & 2
  ) = 2 AS INT64)) AS `users_28d`
FROM (
  SELECT
    `t14`.`account_id`,
    `t14`.`user_id`,
    `t14`.`as_of`,
    (
      `t14`.`mask` >> `t14`.`shift`
    ) & 31 AS `word`
  FROM (
    SELECT
      `t13`.`account_id`,
      `t13`.`user_id`,
      `t13`.`mask`,
      `t3`.`as_of`,
      `t3`.`shift`
    FROM (
      SELECT
        `t11`.`account_id`,
        `t11`.`user_id`,
        BIT_OR(`t11`.`mask`) AS `mask`
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
          `t10`.`mask` & 2 AS `mask`,
          `t10`.`day_bit`,
          `t10`.`piece`
        FROM (
          SELECT
            `t9`.*
            EXCEPT (`known_day`, `looks_until`, `segment`, `unseen`, `window_day`)
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
              `t8`.`window_day`,
              (
                `t8`.`mask` >> CAST(`t8`.`unseen` * 5 AS INT64)
              ) << CAST(`t8`.`unseen` * 5 AS INT64) AS `mask`,
              `t8`.`segment`,
              `t8`.`day_bit`,
              `t8`.`looks_until`,
              `t8`.`unseen`,
              (
                `t8`.`segment` * 100
              ) + `t8`.`unseen` AS `piece`
            FROM (
              SELECT
                `t7`.`account_id`,
                `t7`.`user_id`,
                `t7`.`feature`,
                `t7`.`occurred_at`,
                `t7`.`quantity`,
                `t7`.`duration_s`,
                `t7`.`active_users`,
                `t7`.`known_at`,
                `t7`.`day`,
                `t7`.`known_day`,
                `t7`.`window_day`,
                `t7`.`mask`,
                `t7`.`segment`,
                `t7`.`day_bit`,
                `t7`.`looks_until`,
                IF(
                  IF(
                    `t7`.`known_day` > `t7`.`day`,
                    CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                    0
                  ) > `t7`.`looks_until`,
                  IF(
                    `t7`.`known_day` > `t7`.`day`,
                    CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                    0
                  ),
                  0
                ) AS `unseen`
              FROM (
                SELECT
                  `t6`.`account_id`,
                  `t6`.`user_id`,
                  `t6`.`feature`,
                  `t6`.`occurred_at`,
                  `t6`.`quantity`,
                  `t6`.`duration_s`,
                  `t6`.`active_users`,
                  `t6`.`known_at`,
                  `t6`.`day`,
                  `t6`.`known_day`,
                  `t4`.`window_day`,
                  `t4`.`mask`,
                  `t4`.`segment`,
                  `t4`.`day_bit`,
                  `t4`.`looks_until`
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
                    DATE(`t1`.`occurred_at`) AS `day`,
                    DATE(`t1`.`known_at`) AS `known_day`
                  FROM `usage` AS `t1`
                ) AS `t6`
                INNER JOIN `constants_0` AS `t4`
                  ON `t6`.`day` = `t4`.`window_day`
              ) AS `t7`
            ) AS `t8`
            WHERE
              (
                (
                  `t8`.`mask` >> CAST(`t8`.`unseen` * 5 AS INT64)
                ) << CAST(`t8`.`unseen` * 5 AS INT64)
              ) <> 0
          ) AS `t9`
        ) AS `t10`
        WHERE
          (
            `t10`.`mask` & 2
          ) <> 0 AND `t10`.`user_id` IS NOT NULL
      ) AS `t11`
      GROUP BY
        1,
        2
    ) AS `t13`
    CROSS JOIN `constants_1` AS `t3`
  ) AS `t14`
  WHERE
    (
      (
        `t14`.`mask` >> `t14`.`shift`
      ) & 31
    ) <> 0
) AS `t15`
GROUP BY
  1,
  2;

-- sums and distinct days in a window
WITH `t12` AS (
  SELECT
    `t11`.`account_id`,
    `t11`.`piece`,
    SUM(`t11`.`of_actions`) AS `of_actions`,
    BIT_OR(`t11`.`day_bit`) AS `days`,
    MAX(`t11`.`day`) AS `last_used`
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
      `t10`.`mask` & 2 AS `mask`,
      `t10`.`day_bit`,
      `t10`.`piece`,
      `t10`.`quantity` AS `of_actions`
    FROM (
      SELECT
        `t9`.*
        EXCEPT (`known_day`, `looks_until`, `segment`, `unseen`, `window_day`)
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
          `t8`.`window_day`,
          (
            `t8`.`mask` >> CAST(`t8`.`unseen` * 5 AS INT64)
          ) << CAST(`t8`.`unseen` * 5 AS INT64) AS `mask`,
          `t8`.`segment`,
          `t8`.`day_bit`,
          `t8`.`looks_until`,
          `t8`.`unseen`,
          (
            `t8`.`segment` * 100
          ) + `t8`.`unseen` AS `piece`
        FROM (
          SELECT
            `t7`.`account_id`,
            `t7`.`user_id`,
            `t7`.`feature`,
            `t7`.`occurred_at`,
            `t7`.`quantity`,
            `t7`.`duration_s`,
            `t7`.`active_users`,
            `t7`.`known_at`,
            `t7`.`day`,
            `t7`.`known_day`,
            `t7`.`window_day`,
            `t7`.`mask`,
            `t7`.`segment`,
            `t7`.`day_bit`,
            `t7`.`looks_until`,
            IF(
              IF(
                `t7`.`known_day` > `t7`.`day`,
                CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                0
              ) > `t7`.`looks_until`,
              IF(
                `t7`.`known_day` > `t7`.`day`,
                CASE WHEN `t7`.`known_day` < DATE(2025, 6, 1) THEN 0 ELSE 1 END,
                0
              ),
              0
            ) AS `unseen`
          FROM (
            SELECT
              `t6`.`account_id`,
              `t6`.`user_id`,
              `t6`.`feature`,
              `t6`.`occurred_at`,
              `t6`.`quantity`,
              `t6`.`duration_s`,
              `t6`.`active_users`,
              `t6`.`known_at`,
              `t6`.`day`,
              `t6`.`known_day`,
              `t4`.`window_day`,
              `t4`.`mask`,
              `t4`.`segment`,
              `t4`.`day_bit`,
              `t4`.`looks_until`
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
                DATE(`t1`.`occurred_at`) AS `day`,
                DATE(`t1`.`known_at`) AS `known_day`
              FROM `usage` AS `t1`
            ) AS `t6`
            INNER JOIN `constants_0` AS `t4`
              ON `t6`.`day` = `t4`.`window_day`
          ) AS `t7`
        ) AS `t8`
        WHERE
          (
            (
              `t8`.`mask` >> CAST(`t8`.`unseen` * 5 AS INT64)
            ) << CAST(`t8`.`unseen` * 5 AS INT64)
          ) <> 0
      ) AS `t9`
    ) AS `t10`
    WHERE
      (
        `t10`.`mask` & 2
      ) <> 0
  ) AS `t11`
  GROUP BY
    1,
    2
)
SELECT
  `t32`.*
  EXCEPT (`late_28d`)
FROM (
  SELECT
    `t31`.`account_id`,
    `t31`.`as_of`,
    `t31`.`actions_28d`,
    `t31`.`active_days_28d` + COALESCE(`t31`.`late_28d`, 0) AS `active_days_28d`,
    `t31`.`last_used`,
    `t31`.`late_28d`
  FROM (
    SELECT
      `t30`.*
      EXCEPT (`account_id_right`, `as_of_right`)
    FROM (
      SELECT
        `t27`.`account_id`,
        `t27`.`as_of`,
        `t27`.`actions_28d`,
        `t27`.`active_days_28d`,
        `t27`.`last_used`,
        `t29`.`account_id` AS `account_id_right`,
        `t29`.`as_of` AS `as_of_right`,
        `t29`.`late_28d`
      FROM (
        SELECT
          `t25`.`account_id`,
          `t25`.`as_of`,
          SUM(IF((
            `t25`.`word` & 2
          ) <> 0, `t25`.`of_actions`, NULL)) AS `actions_28d`,
          SUM(IF((
            `t25`.`word` & 2
          ) <> 0, `t25`.`days_in_time`, NULL)) AS `active_days_28d`,
          MAX(`t25`.`last_used`) AS `last_used`
        FROM (
          SELECT
            `t23`.`account_id`,
            `t23`.`piece`,
            `t23`.`of_actions`,
            `t23`.`days`,
            `t23`.`last_used`,
            `t23`.`days_in_time`,
            `t3`.`as_of`,
            `t3`.`word`
          FROM (
            SELECT
              `t13`.`account_id`,
              `t13`.`piece`,
              `t13`.`of_actions`,
              `t13`.`days`,
              `t13`.`last_used`,
              IF(
                (
                  MOD(`t13`.`piece`, 100)
                ) = 0,
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
                                      `t13`.`days` & 6148914691236517205
                                    ) + (
                                      (
                                        `t13`.`days` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t13`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t13`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t13`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t13`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) & 71777214294589695
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t13`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t13`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) >> 8
                          ) & 71777214294589695
                        )
                      ) & 281470681808895
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t13`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t13`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) & 71777214294589695
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t13`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t13`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) >> 8
                            ) & 71777214294589695
                          )
                        ) >> 16
                      ) & 281470681808895
                    )
                  ) & 4294967295
                ) + (
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
                                        `t13`.`days` & 6148914691236517205
                                      ) + (
                                        (
                                          `t13`.`days` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) & 71777214294589695
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t13`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t13`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) >> 8
                            ) & 71777214294589695
                          )
                        ) & 281470681808895
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t13`.`days` & 6148914691236517205
                                        ) + (
                                          (
                                            `t13`.`days` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) & 1085102592571150095
                                ) + (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t13`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t13`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) >> 4
                                  ) & 1085102592571150095
                                )
                              ) & 71777214294589695
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        (
                                          (
                                            `t13`.`days` & 6148914691236517205
                                          ) + (
                                            (
                                              `t13`.`days` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) & 3689348814741910323
                                      ) + (
                                        (
                                          (
                                            (
                                              `t13`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t13`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) >> 2
                                        ) & 3689348814741910323
                                      )
                                    ) & 1085102592571150095
                                  ) + (
                                    (
                                      (
                                        (
                                          (
                                            (
                                              `t13`.`days` & 6148914691236517205
                                            ) + (
                                              (
                                                `t13`.`days` >> 1
                                              ) & 6148914691236517205
                                            )
                                          ) & 3689348814741910323
                                        ) + (
                                          (
                                            (
                                              (
                                                `t13`.`days` & 6148914691236517205
                                              ) + (
                                                (
                                                  `t13`.`days` >> 1
                                                ) & 6148914691236517205
                                              )
                                            ) >> 2
                                          ) & 3689348814741910323
                                        )
                                      ) >> 4
                                    ) & 1085102592571150095
                                  )
                                ) >> 8
                              ) & 71777214294589695
                            )
                          ) >> 16
                        ) & 281470681808895
                      )
                    ) >> 32
                  ) & 4294967295
                ),
                0
              ) AS `days_in_time`
            FROM `t12` AS `t13`
          ) AS `t23`
          INNER JOIN `constants_1` AS `t3`
            ON `t23`.`piece` = `t3`.`piece`
        ) AS `t25`
        GROUP BY
          1,
          2
      ) AS `t27`
      LEFT OUTER JOIN (
        SELECT
          `t24`.`account_id`,
          `t24`.`as_of`,
          SUM(
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
                                  `t24`.`28d` & 6148914691236517205
                                ) + (
                                  (
                                    `t24`.`28d` >> 1
                                  ) & 6148914691236517205
                                )
                              ) & 3689348814741910323
                            ) + (
                              (
                                (
                                  (
                                    `t24`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t24`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) >> 2
                              ) & 3689348814741910323
                            )
                          ) & 1085102592571150095
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    `t24`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t24`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) >> 4
                          ) & 1085102592571150095
                        )
                      ) & 71777214294589695
                    ) + (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    `t24`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t24`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) >> 8
                      ) & 71777214294589695
                    )
                  ) & 281470681808895
                ) + (
                  (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    `t24`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t24`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) & 71777214294589695
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t24`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t24`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) >> 8
                        ) & 71777214294589695
                      )
                    ) >> 16
                  ) & 281470681808895
                )
              ) & 4294967295
            ) + (
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
                                    `t24`.`28d` & 6148914691236517205
                                  ) + (
                                    (
                                      `t24`.`28d` >> 1
                                    ) & 6148914691236517205
                                  )
                                ) & 3689348814741910323
                              ) + (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) >> 2
                                ) & 3689348814741910323
                              )
                            ) & 1085102592571150095
                          ) + (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) >> 4
                            ) & 1085102592571150095
                          )
                        ) & 71777214294589695
                      ) + (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t24`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t24`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) >> 8
                        ) & 71777214294589695
                      )
                    ) & 281470681808895
                  ) + (
                    (
                      (
                        (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      `t24`.`28d` & 6148914691236517205
                                    ) + (
                                      (
                                        `t24`.`28d` >> 1
                                      ) & 6148914691236517205
                                    )
                                  ) & 3689348814741910323
                                ) + (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) >> 2
                                  ) & 3689348814741910323
                                )
                              ) & 1085102592571150095
                            ) + (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t24`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t24`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) >> 4
                              ) & 1085102592571150095
                            )
                          ) & 71777214294589695
                        ) + (
                          (
                            (
                              (
                                (
                                  (
                                    (
                                      (
                                        `t24`.`28d` & 6148914691236517205
                                      ) + (
                                        (
                                          `t24`.`28d` >> 1
                                        ) & 6148914691236517205
                                      )
                                    ) & 3689348814741910323
                                  ) + (
                                    (
                                      (
                                        (
                                          `t24`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t24`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) >> 2
                                    ) & 3689348814741910323
                                  )
                                ) & 1085102592571150095
                              ) + (
                                (
                                  (
                                    (
                                      (
                                        (
                                          `t24`.`28d` & 6148914691236517205
                                        ) + (
                                          (
                                            `t24`.`28d` >> 1
                                          ) & 6148914691236517205
                                        )
                                      ) & 3689348814741910323
                                    ) + (
                                      (
                                        (
                                          (
                                            `t24`.`28d` & 6148914691236517205
                                          ) + (
                                            (
                                              `t24`.`28d` >> 1
                                            ) & 6148914691236517205
                                          )
                                        ) >> 2
                                      ) & 3689348814741910323
                                    )
                                  ) >> 4
                                ) & 1085102592571150095
                              )
                            ) >> 8
                          ) & 71777214294589695
                        )
                      ) >> 16
                    ) & 281470681808895
                  )
                ) >> 32
              ) & 4294967295
            )
          ) AS `late_28d`
        FROM (
          SELECT
            `t21`.`account_id`,
            `t21`.`as_of`,
            `t21`.`segment`,
            BIT_OR(IF((
              `t21`.`word` & 2
            ) <> 0, `t21`.`days`, NULL)) AS `28d`
          FROM (
            SELECT
              `t20`.`account_id`,
              `t20`.`segment`,
              `t20`.`piece`,
              `t20`.`days`,
              `t3`.`as_of`,
              `t3`.`word`
            FROM (
              SELECT
                `t18`.`account_id`,
                `t18`.`segment`,
                `t18`.`piece`,
                `t18`.`days` & ~COALESCE(`t18`.`told`, 0) AS `days`
              FROM (
                SELECT
                  `t17`.`account_id`,
                  `t17`.`piece`,
                  `t17`.`of_actions`,
                  `t17`.`days`,
                  `t17`.`last_used`,
                  `t17`.`segment`,
                  `t16`.`account_id` AS `account_id_right`,
                  `t16`.`segment` AS `segment_right`,
                  `t16`.`told`
                FROM (
                  SELECT
                    `t13`.`account_id`,
                    `t13`.`piece`,
                    `t13`.`of_actions`,
                    `t13`.`days`,
                    `t13`.`last_used`,
                    `t13`.`piece` - (
                      MOD(`t13`.`piece`, 100)
                    ) AS `segment`
                  FROM `t12` AS `t13`
                  WHERE
                    NOT (
                      (
                        MOD(`t13`.`piece`, 100)
                      ) = 0
                    )
                ) AS `t17`
                LEFT OUTER JOIN (
                  SELECT
                    `t13`.`account_id`,
                    `t13`.`piece` - (
                      MOD(`t13`.`piece`, 100)
                    ) AS `segment`,
                    `t13`.`days` AS `told`
                  FROM `t12` AS `t13`
                  WHERE
                    (
                      MOD(`t13`.`piece`, 100)
                    ) = 0
                ) AS `t16`
                  ON `t17`.`account_id` = `t16`.`account_id` AND `t17`.`segment` = `t16`.`segment`
              ) AS `t18`
            ) AS `t20`
            INNER JOIN `constants_1` AS `t3`
              ON `t20`.`piece` = `t3`.`piece`
          ) AS `t21`
          GROUP BY
            1,
            2,
            3
        ) AS `t24`
        GROUP BY
          1,
          2
      ) AS `t29`
        ON `t27`.`account_id` = `t29`.`account_id` AND `t27`.`as_of` = `t29`.`as_of`
    ) AS `t30`
  ) AS `t31`
) AS `t32`;

-- the last of several
SELECT
  `t12`.*
  EXCEPT (`account_id_right`, `as_of_right`)
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
          ORDER BY `t8`.`logged_at` DESC, `t8`.`known_at` DESC, `t8`.`sentiment` ASC
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
            CAST(FLOOR(ieee_divide(UNIX_SECONDS(CAST(`t6`.`as_of` AS DATETIME)), 86400)) AS INT64) - CAST(FLOOR(ieee_divide(UNIX_SECONDS(`t6`.`logged_at`), 86400)) AS INT64) AS `age_days`
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
            `t6`.`known_at` < CAST(`t6`.`as_of` AS DATETIME)
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
    ieee_divide(
      CAST(CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t6`.`first_response_at`, SECOND)) AS INT64) - CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t6`.`opened_at`, SECOND)) AS INT64) AS FLOAT64),
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
    `t5`.`known_at` < CAST(`t5`.`as_of` AS DATETIME)
) AS `t6`
GROUP BY
  1,
  2;

